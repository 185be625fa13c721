"""What is shown while something takes its time: a pause that must not be disturbed, and a wait that can be left."""

from collections.abc import Awaitable
from typing import ClassVar, Generic, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from sidestep_tui.texts import _
from sidestep_tui.tui.leaving import Dialog
from sidestep_tui.tui.text import literal

Answer = TypeVar("Answer")


class BusyScreen(Dialog[None]):
    """Takes every key while something must not be disturbed; whoever opened it closes it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """One line."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._text, "bold"))


class WaitScreen(Dialog[Answer | None], Generic[Answer]):
    """Waits for an answer and gives it; None where the person did not want to wait.

    Args:
        text: what is waited for.
        answer: given up when the person leaves; a thread that works on it ends by itself.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", _("Back"))]

    def __init__(self, text: str, answer: Awaitable[Answer]) -> None:
        super().__init__()
        self._text = text
        self._answer = answer

    def compose(self) -> ComposeResult:
        """What is waited for, and how to leave."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._text, "bold"), classes="dialog-title")
            yield Static(_("[b $footer-key-foreground]esc[/] Go back"))

    @work
    async def on_mount(self) -> None:
        """Waits, while the screen is there."""
        self.dismiss(await self._answer)
