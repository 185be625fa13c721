"""engine.log on the screen: literal lines, the end in sight until a person scrolls up."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Log

from sidestep_tui.texts import _

_MOST_LINES = 2000


class LogView(Log):
    """Textual's Log with the vim keys; it parses no markup."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_down", _("Scroll down"), show=False),
        Binding("k,up", "scroll_up", _("Scroll up"), show=False),
        Binding("g,home", "scroll_home", _("To the top"), show=False),
        Binding("G,end", "scroll_end", _("To the end"), show=False),
        Binding("ctrl+d,pagedown", "page_down", _("Page down"), show=False),
        Binding("ctrl+u,pageup", "page_up", _("Page up"), show=False),
    ]

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as Textual calls it
        super().__init__(id=id, max_lines=_MOST_LINES, auto_scroll=True)
        self._empty = True

    def on_mount(self) -> None:
        """Says that there is nothing yet."""
        self.write_line(_("The engine has printed nothing yet."))

    def add(self, lines: list[str]) -> None:
        """Appends cleaned lines, following the end only where the end was in sight."""
        if self._empty:
            self._empty = False
            self.clear()
        self.write_lines(lines, scroll_end=self.is_vertical_scroll_end)
