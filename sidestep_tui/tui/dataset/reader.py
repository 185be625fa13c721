"""What the opening of a data set asks of a thread: the songs; how far it is and what came of it, by messages."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message
from textual.widget import Widget
from textual.worker import get_current_worker

from sidestep_tui.errors import SidestepError

if TYPE_CHECKING:
    from sidestep_tui.dataset.session import EditSession


class _NobodyWaits(Exception):  # noqa: N818 - it is no error
    """The screen was left while it was read."""


class Reader(Widget):
    """Draws nothing. It stops where nobody waits for it any more: the application ends only after its threads."""

    DEFAULT_CSS = "Reader { display: none; }"

    @dataclass
    class Progressed(Message):
        """Files read so far, and in all."""

        done: int
        total: int

        def can_replace(self, message: Message) -> bool:
            """Only the newest figure matters."""
            return isinstance(message, type(self))

    @dataclass
    class Read(Message):
        """The data set is open."""

        session: "EditSession"

    @dataclass
    class Refused(Message):
        """It cannot be read."""

        error: SidestepError

    @work(thread=True, exclusive=True, group="read")
    def read(self, path: Path) -> None:
        """Answers with `Progressed`, and with `Read` or `Refused` in the end."""
        from sidestep_tui.dataset import session

        worker = get_current_worker()

        def tell(done: int, total: int) -> None:
            if worker.is_cancelled:
                raise _NobodyWaits
            self.post_message(self.Progressed(done, total))

        try:
            self.post_message(self.Read(session.open_session(path, progress=tell)))
        except SidestepError as error:
            self.post_message(self.Refused(error))
        except _NobodyWaits:
            return
