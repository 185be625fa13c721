"""Runs one after another, for instance preprocess and then train: `python -m sidestep_tui.runs.queue QUEUE_FILE`.

The queue is a process in a session of its own, so it survives a hang-up like the engines it starts. It keeps no state:
the queue file names the run directories, and how far they are stands in their own logs. Started again on the same file
it goes on where it was. A run that does not complete ends the queue, because the next one may need its output; the
user's own queue (`standing`) skips it instead, unless it is told to end.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import portalocker

from sidestep_tui.config.places import data_home
from sidestep_tui.errors import ExitCode, SidestepError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import condition, remember_run
from sidestep_tui.runs.launch import launch
from sidestep_tui.runs.log import EventReader
from sidestep_tui.runs.state import replay

_POLL_SECONDS: Final = 1.0
_LOCK_PATIENCE_SECONDS: Final = 2.0
_LOCK_POLL_SECONDS: Final = 0.02
_ENDED: Final = ("completed", "failed", "stopped")
_NOT_COMPLETED: Final = {
    "failed": "The run failed, so what follows it was not started.",
    "stopped": "The run was stopped, so what follows it was not started.",
    "interrupted": "The run was interrupted, so what follows it was not started.",
}


@dataclass(frozen=True, slots=True)
class Queue:
    """Runs in their order. A paused queue starts nothing new; the run that is under way goes on.

    `skip_failures` goes on after a run that failed or was stopped, and does not try it again by itself.
    """

    runs: tuple[RunDirectory, ...] = ()
    paused: bool = False
    skip_failures: bool = False

    def is_done(self, run: RunDirectory) -> bool:
        """Whether the queue has nothing more to do for a run."""
        return _condition(run) in (_ENDED if self.skip_failures else ("completed",))

    def next_run(self, tried: Collection[RunDirectory] = ()) -> RunDirectory | None:
        """The first run that is not done and was not tried; None where there is none or the queue is paused."""
        left = (run for run in self.runs if run not in tried and not self.is_done(run))
        return None if self.paused else next(left, None)


def queues_home() -> Path:
    """The folder of all queues: the user's own, and one for each chain."""
    return data_home() / "queues"


def start_queue(runs: Sequence[RunDirectory]) -> Path:
    """Writes a queue of runs that exist already, starts its process, and gives the queue file. Its log lies beside it.

    Raises:
        SidestepError: the file cannot be written.
    """
    file = queues_home() / f"{time.time_ns()}.json"
    write_json_atomic(file, {"runs": [str(run.path) for run in runs]})
    for run in runs:
        remember_run(run.path)
    resume_queue(file)
    return file


def resume_queue(file: Path) -> int:
    """Starts the process of a queue file in a session of its own and gives its process id."""
    package_parent = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
    with file.with_suffix(".log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sidestep_tui.runs.queue", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/" if os.name == "posix" else None,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        )
    return process.pid


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
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SidestepError(
            f"The queue cannot be read: {error}.", where=file, fix="delete this file and queue the runs again"
        ) from error


def work_off(
    read: Callable[[], Queue],
    *,
    start: Callable[[RunDirectory], object] = launch,
    wait: Callable[[float], None] = time.sleep,
    tried: set[RunDirectory] | None = None,
) -> None:
    """Starts each run that is not done, after the one before it has ended, until none is left or the queue is paused.

    Args:
        read: gives the queue as it is now; it is asked before every run, so that a queue can be changed while it works.
        start: starts the engine of a run.
        wait: sleeps for so many seconds.
        tried: runs that were started before and are not started again; those that are started now are added.

    Raises:
        SidestepError: a run did not start or did not complete; the ones after it stay as they are.
    """
    tried = set() if tried is None else tried
    while (run := (queue := read()).next_run(tried)) is not None:
        tried.add(run)
        try:
            _work_on(run, start, wait)
        except SidestepError as error:
            if not queue.skip_failures:
                raise
            print(error)


def _work_on(run: RunDirectory, start: Callable[[RunDirectory], object], wait: Callable[[float], None]) -> None:
    if not run.alive():
        print(f"starting {run.path}")
        start(run)
    while run.alive():
        wait(_POLL_SECONDS)
    if (outcome := _condition(run)) != "completed":
        raise SidestepError(
            _NOT_COMPLETED.get(outcome, "The run did not complete, so what follows it was not started."),
            where=run.path,
            fix=f"`sidestep resume {run.path}`, then start the next run",
        )


def _condition(run: RunDirectory) -> str:
    return condition(run, replay(EventReader(run.events_file).stream()))


def is_worked_on(file: Path) -> bool:
    """Whether a process works this queue off at this moment."""
    with _lock_file(file) as lock:
        return not _locked(lock, portalocker.LOCK_SH)  # shared: those who only look do not take one another for workers


@contextmanager
def _sole_worker(file: Path) -> Iterator[None]:
    """One process for each queue. Somebody who only looks whether there is one is waited for."""
    deadline = time.monotonic() + _LOCK_PATIENCE_SECONDS
    with _lock_file(file) as lock:
        while not _locked(lock, portalocker.LOCK_EX):
            if time.monotonic() > deadline:
                raise SidestepError("This queue is being worked off already.", where=file)
            time.sleep(_LOCK_POLL_SECONDS)
        yield


def _lock_file(file: Path) -> BinaryIO:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file.with_suffix(".lock").open("a+b")


def _locked(lock: BinaryIO, kind: portalocker.LockFlags) -> bool:
    try:
        portalocker.lock(lock, kind | portalocker.LOCK_NB)
    except portalocker.LockException:
        return False
    return True


def _work(file: Path) -> None:
    """Works a queue file off, and what is put into it while the last word on it is being said.

    Whoever adds a run writes it first and then looks for a worker. So a worker that was still seen, and has let go
    since, finds the run when it looks once more without its lock.
    """
    tried: set[RunDirectory] = set()
    with _sole_worker(file):
        work_off(lambda: read_queue(file), tried=tried)
    while read_queue(file).next_run(tried) is not None and not is_worked_on(file):
        with _sole_worker(file):
            work_off(lambda: read_queue(file), tried=tried)


def main(arguments: list[str]) -> int:
    """Works a queue file off; the exit code says whether all of its runs completed."""
    if len(arguments) != 1:
        print("usage: python -m sidestep_tui.runs.queue QUEUE_FILE", file=sys.stderr)
        return ExitCode.USAGE
    file = Path(arguments[0]).absolute()
    try:
        _work(file)
    except SidestepError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
