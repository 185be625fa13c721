"""Screens that are left once: a key that was pressed twice in haste takes nothing else away."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, Screen

Result = TypeVar("Result")


class LeavesOnce(Screen[Result], Generic[Result]):
    """A screen that can be dismissed only while it is in front.

    Textual's own `dismiss` takes away whatever screen is in front. Of two enters that reach a list before it is gone,
    the second would close the screen beneath, with its edits, or end the application where there is none.
    """

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Leaves the screen with a result, if it has not been left before."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()

    def leave_question(self) -> str | None:
        """What to ask before the application is left from here; None where nothing would be lost."""
        return None


class Dialog(ModalScreen[Result], LeavesOnce[Result], Generic[Result]):
    """A screen above another one that stays in sight."""


def question_of(screens: Sequence[Screen[Any]]) -> str | None:
    """What to ask before the application is left: what is seen beneath dialogs would be lost as well as they.

    Args:
        screens: those that are open, the one in front last.
    """
    for screen in reversed(screens):
        question = screen.leave_question() if isinstance(screen, LeavesOnce) else None
        if question is not None or not screen.is_modal:
            return question
    return None
