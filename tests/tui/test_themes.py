"""The themes are readable in true colour and where a terminal has sixteen colours left (a console, an old tmux)."""

from typing import Final

import pytest
from rich.color import Color, ColorSystem
from textual.color import Color as Tint
from textual.theme import Theme

from sidestep_tui.tui.themes import DEFAULT_VARIABLES, THEMES

SIXTEEN: Final = [
    (0, 0, 0), (170, 0, 0), (0, 170, 0), (170, 85, 0), (0, 0, 170), (170, 0, 170), (0, 170, 170), (170, 170, 170),
    (85, 85, 85), (255, 85, 85), (85, 255, 85), (255, 255, 85), (85, 85, 255), (255, 85, 255), (85, 255, 255),
    (255, 255, 255),
]  # fmt: skip
"""The console's own colours, as VGA cards had them."""
ROLES: Final = ("foreground", "primary", "secondary", "accent", "warning", "error", "success")
WORDS: Final = ("text-muted", "footer-key-foreground", "curve-smooth", "curve-validation", "curve-other", "heat-high")
OWN: Final = [theme for theme in THEMES if not theme.ansi]


def colours(theme: Theme) -> dict[str, str]:
    """What texts and curves are drawn in."""
    variables = {**DEFAULT_VARIABLES, **theme.variables}
    roles = {role: str(vars(theme)[role]) for role in ROLES}
    return roles | {name: variables[name] for name in WORDS}


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """Contrast ratio, 1 to 21 (WCAG 2.2, relative luminance)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: tuple[int, int, int]) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def of_sixteen(colour: str) -> tuple[int, int, int]:
    """What a terminal of sixteen colours shows for one."""
    number = Color.parse(colour).downgrade(ColorSystem.STANDARD).number
    assert number is not None
    return SIXTEEN[number]


@pytest.mark.parametrize("theme", OWN, ids=[theme.name for theme in OWN])
def test_all_that_is_read_stands_out_from_its_background(theme: Theme) -> None:
    assert theme.background is not None
    for name, colour in colours(theme).items():
        assert contrast(Tint.parse(colour).rgb, Tint.parse(theme.background).rgb) >= 4.5, name
        assert contrast(of_sixteen(colour), of_sixteen(theme.background)) >= 3, name


def test_the_terminals_own_colours_leave_out_those_that_vanish() -> None:
    theme = next(theme for theme in THEMES if theme.ansi)
    assert not {"ansi_black", "ansi_bright_black", "ansi_blue", "ansi_white"} & set(colours(theme).values())
