"""What every job gets: its run directory, its event log, and the requests that reach it while it works."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from types import FrameType
from typing import Final, Protocol, TypeVar

from sidestep_tui.runs.control import Command, take_commands
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import (
    CommandApplied,
    DeviceSampled,
    Event,
    PhaseChanged,
    Progress,
    WarningRaised,
)
from sidestep_tui.runs.log import EventReader, EventWriter
from sidestep_tui.told import told

E = TypeVar("E", bound=Event)
Results = dict[str, str | int | float | None]

_SAMPLE_EVERY_SECONDS: Final = 2.0


class Team(Protocol):
    """The processes that share a job's work (`engine/team.py`)."""

    def tally(self, phase: str, done: int, total: int, failed: int) -> tuple[int, int, int]:
        """Takes this process's figures and gives those of all."""
        ...

    def hear(self, reason: str | None) -> str | None:
        """Takes why this process should stop, and gives why any of them should."""
        ...


class StopRequestedError(Exception):
    """The job was asked to end, has saved everything and ends now."""

    def __init__(self, reason: str, step: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.step = step


@dataclass
class JobContext:
    """The door between a job and the world. Observers see every event after it was written.

    Of several processes on one run only one has `events`; the others are silent and hear no requests themselves. What
    they would have warned of waits in `unsaid`. Where they share the work in pieces, `team` counts for all of them.
    """

    run: RunDirectory
    events: EventWriter | None
    sample_device: Callable[[], DeviceSampled] | None = None
    observers: list[Callable[[Event], None]] = field(default_factory=list)
    stop_reason: str | None = None
    team: Team | None = None
    unsaid: list[WarningRaised] = field(default_factory=list)
    _progress: Progress | None = None
    _told: Progress | None = None
    _sampled_at: float = 0.0
    _phase: PhaseChanged = field(default_factory=lambda: PhaseChanged(phase=""))

    def emit(self, event: E) -> E:
        """Appends an event to the log."""
        if self.events is None:
            if isinstance(event, WarningRaised):
                self.unsaid.append(event)
            return event
        written = self.events.write(event)
        for observer in self.observers:
            observer(written)
        return written

    def phase(self, phase: str, detail: str = "", *, subject: str = "") -> None:
        """Says what the job does from now on.

        Args:
            phase: in words.
            detail: more words.
            subject: the name of what it is done to (a file, a song, a value): shown as it is, never translated.
        """
        self._phase = PhaseChanged(phase=phase, detail=detail, subject=subject)
        self.emit(self._phase)

    @contextmanager
    def during(self, phase: str, detail: str = "") -> Iterator[None]:
        """Says what the job does inside the block, and afterwards that it does again what it did before."""
        before = self._phase
        self.phase(phase, detail)
        try:
            yield
        finally:
            self._phase = before
            self.emit(before)

    def warn(self, what: str, where: object = "", fix: str = "") -> None:
        """Tells people something without ending the job."""
        self.emit(WarningRaised(what=what, where=str(where), fix=fix))

    def warn_once(self, what: str, where: object = "", fix: str = "") -> None:
        """As `warn`, of what lies in the settings and the songs: a resumed run has said it before."""
        if (what, str(where), fix) not in self._warned_before:
            self.warn(what, where, fix)

    @cached_property
    def _warned_before(self) -> frozenset[tuple[str, str, str]]:
        events = EventReader(self.run.events_file).stream()
        return frozenset((event.what, event.where, event.fix) for event in events if isinstance(event, WarningRaised))

    def progress(self, done: int, total: int, unit: str, item: str = "", failed: int = 0) -> None:
        """Says how far the job is; the figures are this process's."""
        self._progress = Progress(done=done, total=total, unit=unit, item=item, failed=failed)
        self._tell_progress(self._progress)
        self.heartbeat()

    def repeat_progress(self) -> None:
        """Says how far all processes are while this one waits for the others."""
        if self._progress is not None and self.team is not None:
            self._tell_progress(self._progress)

    def _tell_progress(self, own: Progress) -> None:
        if self.team is None:
            self.emit(own)
            return
        done, total, failed = self.team.tally(self._phase.phase, own.done, own.total, own.failed)
        told = Progress(done=done, total=total, unit=own.unit, item=own.item, failed=failed)
        if told != self._told:
            self._told = told
            self.emit(told)

    def heartbeat(self) -> None:
        """Samples the device's memory, at most every other second."""
        if self.sample_device and time.monotonic() - self._sampled_at >= _SAMPLE_EVERY_SECONDS:
            self._sampled_at = time.monotonic()
            self.emit(self.sample_device())

    def take_commands(self, step: int = 0) -> list[Command]:
        """Requests other than `stop`, which is noted in `stop_reason`."""
        others: list[Command] = []
        for command in take_commands(self.run) if self.events is not None else ():
            if command.name == "stop":
                self.stop_reason = self.stop_reason or told("asked to stop")
                self.applied(command, step)
            else:
                others.append(command)
        return others

    def applied(self, command: Command, step: int) -> None:
        """Says that a request took effect."""
        self.emit(CommandApplied(command=command.name, arguments=command.arguments, step=step))

    def stop_if_requested(self, step: int = 0) -> None:
        """For jobs that save as they go: ends here when someone asked for it.

        Raises:
            StopRequestedError: a signal or a `stop` command has come.
        """
        self.take_commands(step)
        if self.team is not None:
            self.stop_reason = self.team.hear(self.stop_reason)
        if self.stop_reason is not None:
            raise StopRequestedError(self.stop_reason, step)

    def listen_for_signals(self) -> None:
        """SIGTERM and SIGINT ask for a stop; a hang-up concerns the terminal, not the run."""

        def on_signal(number: int, _frame: FrameType | None) -> None:
            self.stop_reason = self.stop_reason or told(f"received {signal.Signals(number).name}")

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
