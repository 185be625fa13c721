"""Runs one after another, for instance preprocess and then train: a queue file, and the process that works it off.

The file names the run directories and keeps no more state: how far they are stands in their own logs. There is one for
the user's own queue (`standing`), which stays, and one for each chain that the wizard starts, which goes when nothing
is left to do. The process (`worker`) has a session of its own, so it survives a hang-up like the engines it starts.
"""

import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sidestep_tui.config.places import data_home
from sidestep_tui.disk_errors import disk_errors_named
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.detached import start_detached
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import condition, remember_run
from sidestep_tui.runs.locks import is_held, trying_to_hold
from sidestep_tui.runs.log import EventReader
from sidestep_tui.runs.state import replay

_LOCK_PATIENCE_SECONDS: Final = 2.0
_WORKER_MODULE: Final = "sidestep_tui.runs.worker"
_ENDED: Final = ("completed", "failed", "stopped")

Turn = tuple[RunDirectory, int | None]
"""A run, and how many bytes its log had when it was put in."""


@dataclass(frozen=True, slots=True)
class Queue:
    """Runs in their order. A paused queue starts nothing new; the run that is under way goes on.

    `skip_failures` goes on after a run that failed or was stopped, and does not try it again by itself. `put_in` is how
    many bytes the log of each run had when it was put in.
    """

    runs: tuple[RunDirectory, ...] = ()
    paused: bool = False
    skip_failures: bool = False
    put_in: Mapping[RunDirectory, int] = field(default_factory=dict, compare=False)

    def is_done(self, run: RunDirectory) -> bool:
        """Whether the queue has nothing more to do for a run; one that was deleted needs nothing."""
        if not run.exists() or (condition := condition_of(run)) == "completed":
            return True
        return self.skip_failures and condition in _ENDED and not self.is_new(run)

    def is_new(self, run: RunDirectory) -> bool:
        """Whether nothing was done for a run since it was put in: one that had been stopped by then is to go on."""
        return self.put_in.get(run) == log_bytes(run)

    def turn_of(self, run: RunDirectory) -> Turn:
        """The run as it was put in: put in again after it has failed, it has another turn."""
        return run, self.put_in.get(run)

    def next_run(self, tried: Collection[Turn] = ()) -> RunDirectory | None:
        """The first run that is not done and had no turn yet; None where there is none or the queue is paused."""
        left = (run for run in self.runs if self.turn_of(run) not in tried and not self.is_done(run))
        return None if self.paused else next(left, None)


def log_bytes(run: RunDirectory) -> int:
    """How long a run's event log is: each start of an engine makes it longer."""
    try:
        return run.events_file.stat().st_size
    except OSError:
        return 0


def queues_home() -> Path:
    """The folder of all queues: the user's own, and one for each chain."""
    return data_home() / "queues"


def start_queue(runs: Sequence[RunDirectory]) -> Path:
    """Writes a queue of runs that exist already, starts its process, and gives the queue file. Its log lies beside it.

    Raises:
        SidestepError: the file cannot be written.
    """
    clear_finished()
    file = _new_file()
    write_json_atomic(file, {"runs": [str(run.path) for run in runs]})
    for run in runs:
        remember_run(run.path)
    resume_queue(file)
    return file


def _new_file() -> Path:
    """A name that no chain has, after those of the chains that there are: the clock may have been set back."""
    newest = max((int(file.stem) for file in filter(is_chain, queues_home().glob("*.json"))), default=0)
    return queues_home() / f"{max(time.time_ns(), newest + 1)}.json"


def resume_queue(file: Path) -> int:
    """Starts the process of a queue file in a session of its own and gives its process id."""
    with disk_errors_named(file):
        log = file.with_suffix(".log").open("ab")
    with log:
        return start_detached(_WORKER_MODULE, file, log).pid


def read_queue(file: Path) -> Queue:
    """A queue as its file has it now.

    Raises:
        SidestepError: the file is no queue.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        return Queue(
            tuple(RunDirectory(Path(path)) for path in document["runs"]),
            paused=bool(document.get("paused", False)),
            skip_failures=bool(document.get("skip_failures", False)),
            put_in={RunDirectory(Path(path)): int(size) for path, size in document.get("put_in", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SidestepError(
            f"The queue cannot be read: {error}.", where=file, fix="delete this file and queue the runs again"
        ) from error


def condition_of(run: RunDirectory) -> str:
    """What became of a run, read from its whole log.

    Raises:
        OSError: the log cannot be read.
    """
    return condition(run, replay(EventReader(run.events_file).stream()))


def is_worked_on(file: Path) -> bool:
    """Whether a process works this queue off at this moment."""
    return is_held(_lock_file(file))


@contextmanager
def sole_worker(file: Path) -> Iterator[None]:
    """One process for each queue. Somebody who only looks whether there is one is waited for."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with trying_to_hold(_lock_file(file), _LOCK_PATIENCE_SECONDS) as is_ours:
        if not is_ours:
            raise SidestepError("This queue is being worked off already.", where=file)
        yield


def _lock_file(file: Path) -> Path:
    return file.with_suffix(".lock")


def is_chain(file: Path) -> bool:
    """Whether a queue file is that of a chain: it goes when nothing is left to do, where the user's own stays."""
    return file.stem.isdecimal()


def clear_finished() -> None:
    """Takes away the chains that have nothing left to do and whose processes had no time to clear up.

    Raises:
        OSError: the folder of the queues cannot be read.
    """
    for file in filter(is_chain, queues_home().glob("*.json")):
        with trying_to_hold(_lock_file(file)) as is_ours:
            if is_ours:
                clear_if_finished(file)


def clear_if_finished(file: Path) -> None:
    """Takes away what belongs to a chain that has nothing left to do. Whoever calls it holds the chain's lock.

    The queue file goes last: what is cut off before that is done again. Whoever gets hold of a new lock file meanwhile
    finds nothing to do either.
    """
    with suppress(SidestepError, OSError):  # damaged, or held open on a system that minds: it stays
        if is_chain(file) and (not file.exists() or all(map(_is_over, reversed(read_queue(file).runs)))):
            for each in (file.with_suffix(".log"), _lock_file(file), file):
                each.unlink(missing_ok=True)


def _is_over(run: RunDirectory) -> bool:
    """Whether a run is completed or deleted; one whose whole disk is gone may come back."""
    return condition_of(run) == "completed" if run.exists() else run.path.parent.is_dir()
