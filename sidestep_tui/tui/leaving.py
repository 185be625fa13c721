"""Screens that are left once: a key that was pressed twice in haste takes nothing else away."""

from typing import Generic, TypeVar

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


class Dialog(ModalScreen[Result], LeavesOnce[Result], Generic[Result]):
    """A screen above another one that stays in sight."""
