"""What the command palette offers of a screen: everything that its keys do, also what the key line has no room for.

Moving about is left out: it belongs to the widgets, whose keys the help tells.
"""

from collections.abc import Iterator
from typing import Any, Final

from textual.app import App
from textual.binding import Binding
from textual.command import CommandList, CommandPalette
from textual.content import Content
from textual.screen import Screen
from textual.widgets.option_list import Option

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


class Palette(CommandPalette):
    """Textual's palette in the language of its reader; Textual's own words are English."""

    def __init__(self) -> None:
        super().__init__(placeholder=_("Search for commands …"), id="--command-palette")

    def _start_no_matches_countdown(self, search_value: str) -> None:
        """Says after a moment that there is no such command; an empty line has found nothing because it sought nothing.

        Textual asks for this, and offers no other place for the words.
        """
        self._stop_no_matches_countdown()
        if search_value:
            self._no_matches_timer = self.set_timer(self._NO_MATCHES_COUNTDOWN, self._tell_no_matches)
        else:
            self._list_visible = False

    def _tell_no_matches(self) -> None:
        nothing = Content(_("No command has these letters"))
        self.query_one(CommandList).add_option(Option(nothing, disabled=True, id=self._NO_MATCHES))
        self._list_visible = True


def open_palette(app: App[Any]) -> None:
    """Shows the palette, once."""
    if not CommandPalette.is_open(app):
        app.push_screen(Palette())
