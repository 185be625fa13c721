"""Home's reading: a thread looks at the runs, the machine and the disk, and posts what it has seen.

A first paint may not wait for this: it imports and reads more than that.
"""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message
from textual.worker import get_current_worker

from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.screen import SidestepScreen

if TYPE_CHECKING:
    from sidestep_tui.runs.chains import Wait
    from sidestep_tui.runs.history import RunSummary
    from sidestep_tui.runs.machine import MachineSnapshot
    from sidestep_tui.tui.follow import RunCatalog
    from sidestep_tui.tui.home.disk_use import DiskUse


class RunsReading(SidestepScreen[None]):
    """A screen that is told of all runs after each `read_runs`."""

    @dataclass
    class Refreshed(Message):
        """The runs, the machine and the advice, as a thread has just made them."""

        runs: "list[RunSummary]"
        machine: "MachineSnapshot"
        advice: str
        notes: dict[str, str]
        unreadable: dict[str, str]
        waits: "dict[str, Wait]"
        """What the runs wait for that a queue starts by itself, by their paths."""

    @dataclass
    class Measured(Message):
        """What each run holds on disk, by its path."""

        held: dict[str, int]

    @dataclass
    class Unreadable(Message):
        """The folder of the runs cannot be read."""

        reason: str
        machine: "MachineSnapshot"

    def __init__(self) -> None:
        super().__init__()
        self._catalog: RunCatalog | None = None
        self._disk_use: DiskUse | None = None
        self._reading = threading.Lock()  # a slow disk must not have two threads in one catalogue
        self._measuring = threading.Lock()

    @property
    def has_read(self) -> bool:
        """Whether the runs were looked at before."""
        return self._catalog is not None

    @property
    def is_reading(self) -> bool:
        """Whether a thread is at it now."""
        return self._reading.locked()

    @work(thread=True, exclusive=True, group="runs")
    def read_runs(self) -> None:
        """Reads what is new of every run, and the machine."""
        from sidestep_tui.config.places import run_index
        from sidestep_tui.runs.history import index_problem
        from sidestep_tui.runs.notes import read_note
        from sidestep_tui.tui.follow import RunCatalog
        from sidestep_tui.tui.home.next_step import next_step

        with self._reading:
            self._catalog = self._catalog or RunCatalog()
            try:
                runs = self._catalog.poll()
            except OSError as error:
                self.post_message(self.Unreadable(str(error), self.sidestep.read_machine()))
                return
            notes = {str(run.run.path): note for run in runs if (note := read_note(run.run))}
        waits = _waits(runs)
        advice = next_step(runs, _queue_is_deserted(runs), waits)
        machine = self.sidestep.read_machine()
        unreadable = {run.name: error.what for run, error in self._catalog.unreadable.items()}
        if problem := index_problem():
            unreadable = {run_index().name: problem, **unreadable}
        self.post_message(self.Refreshed(runs, machine, advice, notes, unreadable, waits))
        self._measure(runs)

    def _measure(self, runs: "list[RunSummary]") -> None:
        """Looks what the runs hold on disk, unless another thread is at it still; the list does not wait for this."""
        from sidestep_tui.tui.home.disk_use import DiskUse

        if not self._measuring.acquire(blocking=False):
            return
        try:
            self._disk_use = self._disk_use or DiskUse()
            worker = get_current_worker()
            self.post_message(self.Measured(self._disk_use.measure(runs, lambda: worker.is_cancelled)))
        finally:
            self._measuring.release()


def _waits(runs: "list[RunSummary]") -> "dict[str, Wait]":
    """What the runs wait for that a queue starts by itself, by their paths."""
    from sidestep_tui.runs.chains import waits_of

    try:
        return {str(run.path): wait for run, wait in waits_of(runs).items()}
    except OSError:
        return {}


def _queue_is_deserted(runs: "list[RunSummary]") -> bool:
    """Whether queued runs wait and no process is at it; a queue that is damaged is for its own screen to tell."""
    from sidestep_tui.runs import standing
    from sidestep_tui.runs.queue import is_worked_on
    from sidestep_tui.tui.queue.waiting import waiting_runs

    try:
        return bool(waiting_runs(standing.read(), runs)) and not is_worked_on(standing.queue_file())
    except (SidestepError, OSError):
        return False
