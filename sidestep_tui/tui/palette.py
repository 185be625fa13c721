"""What the command palette offers of a screen: everything that its keys do, also what the key line has no room for.

Moving about is left out: it belongs to the widgets, whose keys the help tells.
"""

from collections.abc import Iterator
from typing import Any, Final

from textual.app import App
from textual.binding import Binding
from textual.command import CommandPalette
from textual.screen import Screen

from sidestep_tui.texts import _

MOVING: Final = ("app.focus_next", "app.focus_previous")
"""What moves about on any screen."""

UNTOLD: Final = ("screen.copy_text",)
"""What every terminal user knows, and neither the help nor the palette tells."""


def offered(screen: Screen[object]) -> Iterator[Binding]:
    """Each thing that can be done now, once, by its first key."""
    told: set[str] = set()
    for active in screen.active_bindings.values():
        binding = active.binding
        is_done_here = binding.show or (active.node is screen and binding.action not in (*MOVING, *UNTOLD))
        if (
            binding.description
            and active.enabled
            and not binding.system
            and is_done_here
            and binding.action not in told
        ):
            told.add(binding.action)
            yield binding


def open_palette(app: App[Any]) -> None:
    """Shows the palette with its line in the language of its reader; Textual's own is English."""
    if not CommandPalette.is_open(app):
        app.push_screen(CommandPalette(placeholder=_("Search for commands …"), id="--command-palette"))
