"""A question before something that cannot be taken back, or that stops work."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from sidestep_tui.texts import _
from sidestep_tui.tui.leaving import Dialog
from sidestep_tui.tui.text import literal

if TYPE_CHECKING:
    from sidestep_tui.config.jobs import JobName


class ConfirmScreen(Dialog[bool]):
    """Asks one question; `y` says yes, anything that leaves says no. There is no default that Enter would take.

    Args:
        question: what is about to happen, as a question.
        detail: what it means: what is lost, how much, what stays.
        yes: what the key `y` does, in a word or two.
        danger: marks what cannot be undone.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", _("Yes")),
        Binding("n,escape,q", "answer(False)", _("No")),
    ]

    def __init__(self, question: str, detail: str = "", *, yes: str = _("Yes"), danger: bool = False) -> None:
        super().__init__(classes="-danger" if danger else "")
        self._question = question
        self._detail = detail
        self._yes = yes

    def compose(self) -> ComposeResult:
        """A box in the middle of the screen beneath."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._question, "bold"), classes="dialog-title")
            for line in self._detail.splitlines():
                yield Static(literal(line), classes="dialog-line")
            yield Static(
                _("[b $footer-key-foreground]y[/] {yes}    [b $footer-key-foreground]n[/] No, go back").format(
                    yes=self._yes
                )
            )

    def action_answer(self, answer: bool) -> None:
        """Closes with the answer."""
        self.dismiss(answer)


def stop_question(name: str, job: "JobName") -> ConfirmScreen:
    """Asks whether an engine should stop; the same words wherever it is asked."""
    from sidestep_tui.runs.resuming import way_on

    match way_on(job):
        case "checkpoint":
            detail = _("The engine finishes its step, saves a checkpoint and ends. You can resume it at any time.")
        case "rest":
            detail = _("The engine keeps what is done and ends. You can resume it at any time.")
        case _:
            detail = _("The engine finishes its step and ends. A run of this kind begins anew when it is resumed.")
    return ConfirmScreen(_("Stop the run {name}?").format(name=name), detail, yes=_("Stop it"))
