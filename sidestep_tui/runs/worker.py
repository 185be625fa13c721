"""The process of a queue: `python -m sidestep_tui.runs.worker QUEUE_FILE` starts its runs one after another.

Started again on the same file it goes on where it was. A run that does not complete ends the queue, because the next
one may need its output; the user's own queue skips it instead, unless it is told to end. No run is started on a device
where another one is at work (`devices`): it is waited for.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sidestep_tui.errors import ExitCode, SidestepError
from sidestep_tui.runs.devices import at_work_on, devices_of, turn_at
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.launch import launch
from sidestep_tui.runs.queue import (
    Queue,
    Turn,
    clear_if_finished,
    condition_of,
    is_chain,
    is_worked_on,
    read_queue,
    sole_worker,
)

_POLL_SECONDS: Final = 1.0
_NOT_COMPLETED: Final = {
    "failed": "The run failed, so what follows it was not started.",
    "stopped": "The run was stopped, so what follows it was not started.",
    "interrupted": "The run was interrupted, so what follows it was not started.",
}


def work_off(
    read: Callable[[], Queue],
    *,
    start: Callable[[RunDirectory], object] = launch,
    wait: Callable[[float], None] = time.sleep,
    tried: set[Turn] | None = None,
) -> None:
    """Starts each run that is not done, after the one before it has ended, until none is left or the queue is paused.

    Args:
        read: gives the queue as it is now; it is asked before every run, so that a queue can be changed while it works.
        start: starts the engine of a run.
        wait: sleeps for so many seconds.
        tried: turns that runs have had and do not have again; those that they have now are added.

    Raises:
        SidestepError: a run did not start or did not complete; the ones after it stay as they are.
    """
    tried = set() if tried is None else tried
    while (run := (queue := read()).next_run(tried)) is not None:
        try:
            with _turn_of(run, queue, read, wait) as it_is:
                if it_is:
                    tried.add(queue.turn_of(run))
                    _work_on(run, start, wait)
        except SidestepError as error:
            tried.add(queue.turn_of(run))
            if not queue.skip_failures:
                raise
            print(error)


@contextmanager
def _turn_of(
    run: RunDirectory, queue: Queue, read: Callable[[], Queue], wait: Callable[[float], None]
) -> Iterator[bool]:
    """Waits until the run's devices are free, and has the turn at them inside the block.

    A run that somebody else has started meanwhile has its turn. Gives False where the queue is another one meanwhile.
    """
    devices, told = devices_of(run.settings()), ""
    while not run.alive():
        with turn_at(devices) as is_ours:
            others = at_work_on(devices, but=run)
            if is_ours and not others:
                yield True
                return
        names = ", ".join(str(other.path) for other in others) or "another queue"
        if names != told:
            print(f"{run.path} waits for {names} on {', '.join(sorted(devices))}")
            told = names
        if read() != queue:
            yield False
            return
        wait(_POLL_SECONDS)
    yield True


def _work_on(run: RunDirectory, start: Callable[[RunDirectory], object], wait: Callable[[float], None]) -> None:
    if not run.alive() and condition_of(run) != "completed":  # by somebody else, while it waited for its turn
        print(f"starting {run.path}")
        start(run)
    while run.alive():
        wait(_POLL_SECONDS)
    if (outcome := condition_of(run)) != "completed":
        raise SidestepError(
            _NOT_COMPLETED.get(outcome, "The run did not complete, so what follows it was not started."),
            where=run.path,
            fix=f"`sidestep resume {run.typed}`, then start the next run",
        )


def _work(file: Path) -> None:
    """Works a queue file off, and what is put into it while the last word on it is being said.

    Whoever adds a run writes it first and then looks for a worker. So a worker that was still seen, and has let go
    since, finds the run when it looks once more without its lock.
    """
    tried: set[Turn] = set()
    with sole_worker(file):
        _work_off_file(file, tried)
    while file.exists() and read_queue(file).next_run(tried) is not None and not is_worked_on(file):
        with sole_worker(file):
            _work_off_file(file, tried)


def _work_off_file(file: Path, tried: set[Turn]) -> None:
    if not (is_chain(file) and not file.exists()):  # its last worker has cleared it away
        work_off(lambda: read_queue(file), tried=tried)
    clear_if_finished(file)


def main(arguments: list[str]) -> int:
    """Works a queue file off; the exit code says whether all of its runs completed."""
    if len(arguments) != 1:
        print("usage: python -m sidestep_tui.runs.worker QUEUE_FILE", file=sys.stderr)
        return ExitCode.USAGE
    file = Path(arguments[0]).absolute()
    try:
        _work(file)
    except SidestepError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:  # a disk that is gone: started again, the queue goes on where it was
        print(f"The queue ends here: {error}", file=sys.stderr)
        return ExitCode.FAILED
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
