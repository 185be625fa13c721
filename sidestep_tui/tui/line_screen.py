"""A line that is typed somewhere else, for instance on the computer that a person sits at: shown, and copied."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from sidestep_tui.texts import _
from sidestep_tui.tui.leaving import Dialog
from sidestep_tui.tui.text import literal


class LineScreen(Dialog[None]):
    """Shows one line to copy; the terminal's clipboard has it already where the terminal allows that (OSC 52).

    Args:
        title: what the line does.
        line: the line.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,y", "dismiss", _("Close"))]

    def __init__(self, title: str, line: str) -> None:
        super().__init__()
        self._title = title
        self._line = line

    def compose(self) -> ComposeResult:
        """The line alone on its rows, so that a terminal can select it."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._title, "bold"), classes="dialog-title")
            yield Static(literal(self._line), classes="dialog-line", id="line")
            yield Static(_("[$text-muted]Copied, where your terminal lets programs copy.[/]  [b]esc[/] Close"))

    def on_mount(self) -> None:
        """Copies the line."""
        self.app.copy_to_clipboard(self._line)
