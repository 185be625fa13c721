"""Chains: runs that a queue of their own works off, as the wizard starts one for "encode, then train".

What a chain has not come to yet must not be started by anybody else: it would not find what the runs before it make.
"""

from pathlib import Path

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.queue import Queue, is_worked_on, queues_home, read_queue


def working_chains() -> list[Queue]:
    """The chains that a process works off at this moment, the oldest first.

    Raises:
        OSError: the folder of the queues cannot be read.
    """
    files = (file for file in queues_home().glob("*.json") if file.stem.isdecimal())
    chains = (_read(file) for file in sorted(files) if is_worked_on(file))
    return [chain for chain in chains if chain is not None]


def runs_before(chains: list[Queue]) -> dict[RunDirectory, RunDirectory]:
    """The runs that these chains start by themselves, each with the one after which it is started."""
    return {run: before for chain in chains for before, run in zip(chain.runs, chain.runs[1:], strict=False)}


def _read(file: Path) -> Queue | None:
    try:
        return read_queue(file)
    except SidestepError:  # its own log says why; nobody else has to know
        return None
