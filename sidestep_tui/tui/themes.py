"""Colours: four themes of our own, two of them for colour-blind eyes, and the terminal's own sixteen.

Screens use Textual's variables ($primary, $success, $warning, $error, $text-muted, …) and the ones below. No meaning
rests on colour alone: every condition has a symbol and every curve a name beside it. Every colour is one of xterm's
256, so a terminal without true colour shows the same, and stays readable where only sixteen are left of them.
"""

from collections.abc import Mapping
from typing import Final

from rich.style import Style as RichStyle
from textual.color import Color
from textual.dom import DOMNode
from textual.theme import BUILTIN_THEMES, Theme

_DARK: Final = {
    "scrollbar": "#4e4e4e",
    "scrollbar-background": "#1c1c1c",
    "border-blurred": "#444444",
    "text-muted": "#9e9e9e",
    "curve-raw": "#6c6c6c",
    "curve-smooth": "#5fafff",
    "curve-validation": "#ffaf5f",
    "curve-other": "#af87ff",
    "heat-low": "#262626",
    "heat-high": "#ffaf5f",
    "footer-key-foreground": "#5fafff",
}
_LIGHT: Final = {
    "scrollbar": "#b2b2b2",
    "scrollbar-background": "#eeeeee",
    "border-blurred": "#bcbcbc",
    "text-muted": "#626262",
    "curve-raw": "#a8a8a8",
    "curve-smooth": "#005fd7",
    "curve-validation": "#af5f00",
    "curve-other": "#5f00af",
    "heat-low": "#e4e4e4",
    "heat-high": "#af5f00",
    "footer-key-foreground": "#005fd7",
}

# Near Okabe and Ito's palette, whose colours stay apart in the three common kinds of colour blindness.
_SAFE: Final = {
    "scrollbar": "#4e4e4e",
    "scrollbar-background": "#1c1c1c",
    "border-blurred": "#444444",
    "text-muted": "#9e9e9e",
    "curve-raw": "#6c6c6c",
    "curve-smooth": "#5fafd7",
    "curve-validation": "#d7af00",
    "curve-other": "#ffffff",
    "heat-low": "#262626",
    "heat-high": "#ffff5f",
    "footer-key-foreground": "#5fafd7",
}
_SAFE_LIGHT: Final = {
    **_LIGHT,
    "curve-smooth": "#005f87",
    "curve-validation": "#af5f00",
    "curve-other": "#8700d7",
    "footer-key-foreground": "#005f87",
}
# Plain blue is hard to read on black, and bright black is the background itself in more than one palette.
_ANSI: Final = {
    "curve-raw": "ansi_blue",
    "curve-smooth": "ansi_cyan",
    "curve-validation": "ansi_yellow",
    "curve-other": "ansi_magenta",
    "heat-low": "ansi_default",
    "heat-high": "ansi_yellow",
    "text-muted": "ansi_default",
    "border-blurred": "ansi_default",
}

DEFAULT_VARIABLES: Final = _DARK
"""Values of our own variables in a theme that does not set them."""

THEMES: Final = (
    Theme(
        name="dark",
        primary="#5fafff",
        secondary="#5f87af",
        accent="#ffaf5f",
        warning="#ffd75f",
        error="#ff8787",
        success="#87d787",
        foreground="#dadada",
        background="#121212",
        surface="#1c1c1c",
        panel="#262626",
        variables=_DARK,
    ),
    Theme(
        name="light",
        primary="#005fd7",
        secondary="#005f87",
        accent="#af5f00",
        warning="#875f00",
        error="#af0000",
        success="#005f00",
        foreground="#262626",
        background="#ffffff",
        surface="#eeeeee",
        panel="#e4e4e4",
        dark=False,
        variables=_LIGHT,
    ),
    Theme(
        name="colour-blind",
        primary="#5fafd7",
        secondary="#0087af",
        accent="#d7af00",
        warning="#ffff5f",
        error="#d75f00",
        success="#5fafd7",
        foreground="#eeeeee",
        background="#121212",
        surface="#1c1c1c",
        panel="#303030",
        variables=_SAFE,
    ),
    Theme(
        name="colour-blind-light",
        primary="#005f87",
        secondary="#005f87",
        accent="#af5f00",
        warning="#af5f00",
        error="#5f0000",
        success="#005f87",
        foreground="#262626",
        background="#ffffff",
        surface="#eeeeee",
        panel="#e4e4e4",
        dark=False,
        variables=_SAFE_LIGHT,
    ),
    Theme(
        name="terminal",
        ansi=True,
        primary="ansi_bright_blue",
        secondary="ansi_cyan",
        accent="ansi_yellow",
        warning="ansi_yellow",
        error="ansi_red",
        success="ansi_green",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        variables={**BUILTIN_THEMES["ansi-dark"].variables, **_ANSI},
    ),
)


def for_few_colours(variables: Mapping[str, str], *, no_colour: bool, own: bool) -> dict[str, str]:
    """What stands for those of `variables` that are lost in a terminal of sixteen colours or fewer.

    Shades alone tell the strengths of the heat map. The raw curve is blue, since eight colours have no dark grey;
    without colour it keeps its grey. The terminal's `own` colours have none: a cursor is reversed there.
    """
    found = {"heat-low": variables["heat-high"]}
    if not no_colour:
        found["curve-raw"] = "#0000af"
    elif own:
        found |= {"block-cursor-text-style": "bold reverse", "input-cursor-text-style": "reverse"}
    return found


def rich_style(node: DOMNode, variable: str, *, bold: bool = False) -> RichStyle:
    """The theme variable (without `$`) as a style for cells of a table and lines of a chart."""
    return RichStyle(color=Color.parse(node.app.theme_variables[variable]).rich_color, bold=bold or None)
