"""The ranks of a run as torchrun starts them, forked from a process that has loaded torch and the engine already.

A rank of its own interpreter spends most of such a test on importing. What starts ranks itself is tested with real
processes, in `test_ranks.py`.
"""

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch

from sidestep_tui.engine.__main__ import main
from sidestep_tui.engine.training import step
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.state import RunState, replay

_PATIENCE_SECONDS = 240
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["sidestep_tui.engine.training.job", "sidestep_tui.engine.memory.sharding", __name__])

Trouble = Callable[[], None]
"""What befalls a rank before it works; a function of a module, so that it can be sent there."""


def work_as_torchrun(
    run: RunDirectory, trouble: Mapping[int, Trouble] | None = None, processes: int = 2
) -> tuple[list[int | None], RunState]:
    """Works on a run with that many ranks; gives their exit codes, and what the run tells of itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    ranks = [
        _PROCESSES.Process(
            target=_work,
            args=(str(run.path), {**shared, "RANK": str(rank), "LOCAL_RANK": "0"}, (trouble or {}).get(rank)),
        )
        for rank in range(processes)
    ]
    try:
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join(_PATIENCE_SECONDS)
        codes = [rank.exitcode for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    return codes, replay(read_events(run.events_file))


def _work(path: str, environment: dict[str, str], trouble: Trouble | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if trouble is not None:
        trouble()
    sys.exit(main([path]))


def memory_full_once() -> None:
    """The micro-batch of the second step finds the memory full."""
    _fill_memory(1)


def memory_full_twice() -> None:
    """The micro-batch of the second step finds the memory full, and its repetition too."""
    _fill_memory(2)


def _fill_memory(times: int) -> None:
    original, calls = step.sample_losses, 0

    def sample_losses(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if 2 <= calls < 2 + times:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.25 GiB. GPU 0 is full.")
        return original(*arguments)

    step.sample_losses = sample_losses


def hold_a_gigabyte() -> None:
    """The rank's memory is a GiB fuller than that of the others."""
    _held.append(torch.ones(2**30, dtype=torch.uint8))


_held: list[torch.Tensor] = []


def meet_an_error() -> None:
    """A song is none; the other ranks meet no such thing."""

    def sample_losses(*_: Any) -> torch.Tensor:
        raise SidestepError("The song is no song.", where="song 3.wav", fix="remove it")

    step.sample_losses = sample_losses
