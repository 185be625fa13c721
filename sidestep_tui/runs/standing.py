"""The user's own queue: runs that wait for the machine, one file, changed from any viewer while it is worked off."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import remember_run
from sidestep_tui.runs.locks import edited_alone
from sidestep_tui.runs.queue import Queue, is_worked_on, log_bytes, queues_home, read_queue, resume_queue


def queue_file() -> Path:
    """Where the queue lies; its log and its worker's lock lie beside it."""
    return queues_home() / "standing.json"


def read() -> Queue:
    """The queue now; an empty one that skips failures before it was ever used.

    Raises:
        SidestepError: its file is damaged.
    """
    return read_queue(queue_file()) if queue_file().exists() else Queue(skip_failures=True)


def add(run: RunDirectory) -> None:
    """Puts a run at the end; one that is there already stays where it is. One that was stopped or failed goes on."""
    remember_run(run.path)

    def added(queue: Queue) -> Queue:
        runs = tuple(dict.fromkeys([*queue.runs, run]))
        return replace(queue, runs=runs, put_in={**queue.put_in, run: log_bytes(run)})

    _change(added)


def remove(run: RunDirectory) -> None:
    """Takes a run out; an engine that works on it goes on."""
    _change(lambda queue: replace(queue, runs=tuple(other for other in queue.runs if other != run)))


def forget(run: RunDirectory) -> None:
    """Takes a run out if it is in the queue: one that was deleted, which may never have been there."""
    if run in read().runs:
        remove(run)


def move(run: RunDirectory, by: int) -> None:
    """Moves a run so many places towards the end, or towards the front with a negative number."""

    def moved(queue: Queue) -> Queue:
        if run not in queue.runs:
            return queue
        others = [other for other in queue.runs if other != run]
        others.insert(max(0, queue.runs.index(run) + by), run)
        return replace(queue, runs=tuple(others))

    _change(moved)


def set_paused(paused: bool) -> None:
    """Starts nothing new from now on, or goes on."""
    _change(lambda queue: replace(queue, paused=paused))


def set_skip_failures(skip: bool) -> None:
    """Whether a run that fails leaves the rest to go on."""
    _change(lambda queue: replace(queue, skip_failures=skip))


def ensure_worker() -> bool:
    """Starts the queue's process where there is work and none is at it, for instance after a reboot; whether it did."""
    queue = read()
    if queue.paused or all(queue.is_done(run) for run in queue.runs) or is_worked_on(queue_file()):
        return False
    resume_queue(queue_file())
    return True


def _change(change: Callable[[Queue], Queue]) -> None:
    with edited_alone(queue_file()):
        queue = change(read())
        document = {
            "runs": [str(run.path) for run in queue.runs],
            "paused": queue.paused,
            "skip_failures": queue.skip_failures,
            "put_in": {str(run.path): size for run, size in queue.put_in.items() if run in queue.runs},
        }
        write_json_atomic(queue_file(), document)
