"""The other processes of a run: started for it, watched while it works, ended with it, and named where one dies.

Rank 0 holds the lock and speaks. What another rank has to say at its end it leaves in `ranks/N.json` of the run, so
that an error met there is told in its own words; a rank that vanished without a word is told by how it ended.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import look_up, setting_fields
from sidestep_tui.errors import ExitCode
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import RunFailed

_POLL_SECONDS: Final = 0.5
_GRACE_SECONDS: Final = 10.0
"""For rank 0 to meet the same error by itself, and for the others to end when it has."""
_LEADER: Final = "SIDESTEP_LEADER"
"""In the environment of a rank that rank 0 has started: the process id of rank 0."""


class OtherRanks:
    """The ranks of a run beside this process, which is rank 0. `started` are those that it has made itself."""

    def __init__(self, run: RunDirectory, started: list[subprocess.Popen[bytes]]) -> None:
        self._run = run
        self._started = started

    def failure(self, patience: float = 0.0) -> RunFailed | None:
        """What became of a rank that failed; waits for the news so many seconds. None where there is no news."""
        deadline = time.monotonic() + patience
        while True:
            for file in sorted(_folder(self._run).glob("*.json")):
                return RunFailed(**json.loads(file.read_text(encoding="utf-8")))
            for rank, process in enumerate(self._started, start=1):
                if process.poll():
                    return _vanished(self._run, rank, process.returncode)
            if time.monotonic() >= deadline:
                return None
            time.sleep(_POLL_SECONDS / 5)

    def watch(self, ended: threading.Event, on_failure: Callable[[RunFailed], None]) -> None:
        """Until `ended`, calls `on_failure` when a rank has failed and this process has not noticed for a while."""
        while not ended.wait(_POLL_SECONDS):
            failure = self.failure()
            if failure is not None and not ended.wait(_GRACE_SECONDS):
                on_failure(failure)
                return

    def end(self) -> None:
        """Asks the started ranks to end, and ends those that are stuck."""
        for process in self._started:
            process.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for process in self._started:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:  # it waits for ranks that are gone
                process.kill()
                process.wait()


@contextmanager
def other_ranks(run: RunDirectory, emit: Callable[[RunFailed], object]) -> Iterator[OtherRanks | None]:
    """The processes beside this one while the block runs: those of torchrun, or its own; None for a run of one.

    Args:
        run: whose settings ask for several processes.
        emit: tells a failure that this process cannot tell itself, because it waits for the rank that is gone.
    """
    by_torchrun = "WORLD_SIZE" in os.environ
    processes = int(os.environ["WORLD_SIZE"]) if by_torchrun else _processes_of(run.settings())
    if processes == 1:
        yield None
        return
    shutil.rmtree(_folder(run), ignore_errors=True)
    ranks = OtherRanks(run, [] if by_torchrun else _start(run, processes))
    ended = threading.Event()

    def give_up(failure: RunFailed) -> None:
        emit(failure)
        ranks.end()
        os._exit(ExitCode.FAILED)  # the main thread may be inside a collective that no Python exception reaches

    watcher = threading.Thread(target=ranks.watch, args=(ended, give_up), daemon=True, name="ranks")
    watcher.start()
    try:
        yield ranks
    finally:
        ended.set()
        watcher.join()
        ranks.end()
        shutil.rmtree(_folder(run), ignore_errors=True)


def leave_last_word(run: RunDirectory, failure: RunFailed) -> None:
    """What a rank other than 0 says at its end, for rank 0 to tell."""
    rank = os.environ["RANK"]
    said = {"what": f"Rank {rank}: {failure.what}", "where": failure.where, "fix": failure.fix}
    write_json_atomic(_folder(run) / f"{rank}.json", said)


def end_with_leader() -> None:
    """Lets this rank, if rank 0 has started it, end when rank 0 is gone: killed, it could not end the others.

    A rank waits for half a day to be joined, and inside a collective of cards for ever, and keeps its card.
    """
    leader = os.environ.get(_LEADER)
    if leader is not None:
        threading.Thread(target=_watch_leader, args=(int(leader),), daemon=True, name="leader").start()


def _watch_leader(leader: int) -> None:
    while os.getppid() == leader:
        time.sleep(_POLL_SECONDS)
    os._exit(ExitCode.FAILED)  # the main thread may be where no Python exception reaches


def _processes_of(settings: Section) -> int:
    """How many processes the settings of a job ask for."""
    paths = [field.path for field in setting_fields(type(settings)) if field.name == "processes"]
    return int(look_up(settings.model_dump(), paths[0])) if paths else 1


def _start(run: RunDirectory, processes: int) -> list[subprocess.Popen[bytes]]:
    _announce(processes)
    return [
        subprocess.Popen(
            [sys.executable, "-m", "sidestep_tui.engine", str(run.path)],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), _LEADER: str(os.getpid())},
        )
        for rank in range(1, processes)
    ]


def _vanished(run: RunDirectory, rank: int, code: int) -> RunFailed:
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return RunFailed(
        what=f"The process of rank {rank} {how}.",
        where=str(run.engine_log),
        fix=f"read the end of its log; `sidestep resume {run.typed}` goes on from what is saved",
    )


def _folder(run: RunDirectory) -> Path:
    return run.path / "ranks"


def _announce(processes: int) -> None:
    """Puts into the environment what makes this process rank 0 of `processes` on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    os.environ.update(shared, RANK="0", LOCAL_RANK="0")
