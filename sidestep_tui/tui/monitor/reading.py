"""The monitor's reading: a thread looks at the run's events and log and at the machine, and posts what is new."""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from textual import work
from textual.message import Message

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.follow import RunFollower
from sidestep_tui.tui.monitor.chart_keys import ChartKeys
from sidestep_tui.tui.monitor.files import pruned
from sidestep_tui.tui.monitor.log_tail import LogTail

if TYPE_CHECKING:
    from sidestep_tui.runs.machine import MachineSnapshot

_MACHINE_EVERY: Final = 8  # polls


class RunReading(ChartKeys):
    """A screen about one run that is told of it after each `read`.

    Args:
        run: its directory.

    Raises:
        SidestepError: the folder is no run.
    """

    @dataclass
    class Updated(Message):
        """What a thread has just read: the run, and new lines of its log."""

        summary: RunSummary
        log_lines: list[str]

    @dataclass
    class Unreadable(Message):
        """The run cannot be read now."""

        reason: str

    def __init__(self, run: RunDirectory) -> None:
        super().__init__(run)
        self.machine: MachineSnapshot | None = None
        self.gone: frozenset[str] = frozenset()
        """Checkpoints that made room for later ones."""
        self._follower = RunFollower(run)
        self._log = LogTail(run.engine_log)
        self._polls = 0
        self._shows_cards = False
        self._reading = threading.Lock()

    @property
    def is_reading(self) -> bool:
        """Whether a thread is at it now."""
        return self._reading.locked()

    def look_at_cards(self, shown: bool) -> None:
        """The cards are asked for as long as they are shown, and at once when they come to be."""
        self._shows_cards = shown
        if shown:
            self._polls = 0
            self.read()

    @work(thread=True, group="follow")
    def read(self) -> None:
        """Reads what is new; says so only where something is."""
        with self._reading:
            before = self.summary
            try:
                self._follow_what_is_there()
                summary = self._follower.poll()
                changed = self.look_at_queues(summary) | self._look_around()
            except (OSError, SidestepError) as error:  # a disk that is gone may come back: the next look tells
                self.summary = None
                self.post_message(self.Unreadable(_reason(error)))
                return
            lines = self._log.read()
            same = before is not None and _looks_alike(before, summary) and not changed
            self.gone = self.gone if same else pruned(self.run, summary.state)
            self.summary = summary
        if lines or not same:
            self.post_message(self.Updated(summary, lines))

    def _follow_what_is_there(self) -> None:
        """Begins anew where the run was deleted and another of its name was made since.

        Raises:
            OSError: there is none now.
            SidestepError: the other one has another job, for which this screen is not made.
        """
        if self._follower.is_replaced():
            if self.run.job() != self.job:
                raise SidestepError(_("another run has its name now: go back and open that one"))
            self._follower, self._log = RunFollower(self.run), LogTail(self.run.engine_log)

    def _look_around(self) -> bool:
        """Reads the runs that are drawn over this one, and the cards where they are looked at; whether that changed."""
        changed = self.overlays.poll()
        if self._shows_cards and self._polls % _MACHINE_EVERY == 0:
            self.machine, changed = self.sidestep.read_machine(), True
        self._polls += 1
        return changed


def _reason(error: OSError | SidestepError) -> str:
    """Why a run cannot be read, in few words."""
    if isinstance(error, FileNotFoundError):
        return _("the folder is gone, or holds no run")
    return spoken(error.what) if isinstance(error, SidestepError) else error.strerror or str(error)


def _looks_alike(before: RunSummary, now: RunSummary) -> bool:
    """Whether nothing has come to a run; its state is the same object then."""
    alike = before.doing == now.doing and before.skipped_lines == now.skipped_lines
    return alike and before.state is now.state
