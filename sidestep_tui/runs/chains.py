"""Chains: runs that a queue of their own works off, as the wizard starts one for "encode, then train".

What a chain has not come to yet must not be started by anybody else: it would not find what the runs before it make.
A chain that ends before its last run, at a failure or with the machine, stays on record until somebody lets it go on,
or what is left of it has been completed or deleted in another way.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs import standing
from sidestep_tui.runs.devices import at_work_on, devices_of
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.queue import Queue, condition_of, is_chain, is_worked_on, queues_home, read_queue


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain with something left to do.

    Args:
        file: its queue file; its log lies beside it.
        left: the runs that are not completed. The first is under way, or where the chain has come to.
        working: whether a process works it off.
        kept_by: the runs that the first one waits for, because they work on the same device.
    """

    file: Path
    left: tuple[RunSummary, ...]
    working: bool
    kept_by: tuple[RunDirectory, ...] = ()

    @property
    def runs(self) -> frozenset[RunDirectory]:
        """The runs that are left, whatever their order."""
        return frozenset(summary.run for summary in self.left)

    @property
    def was_cut_off(self) -> bool:
        """Whether its process was ended from outside, as by a reboot, and not by a run that failed or was stopped."""
        return not self.working and self.left[0].condition not in ("failed", "stopped")


def unfinished_chains(known: Callable[[RunDirectory], RunSummary | None]) -> list[Chain]:
    """The chains that work or could go on, the oldest first.

    Args:
        known: what is known of a run; None where it is gone or cannot be read.

    Raises:
        OSError: the folder of the queues, or that of the runs, cannot be read.
    """
    chains = []
    for file, queue in _chains():
        summaries = filter(None, map(known, queue.runs))
        if left := tuple(summary for summary in summaries if summary.condition != "completed"):
            working = is_worked_on(file)
            chains.append(Chain(file, left, working, kept_by(left[0]) if working else ()))
    return chains


def kept_by(summary: RunSummary) -> tuple[RunDirectory, ...]:
    """The runs at work on the devices of a run that is not at work itself: a queue starts it after them."""
    if summary.condition == "running":
        return ()
    try:
        return tuple(at_work_on(devices_of(summary.run.settings()), but=summary.run))
    except SidestepError:  # it cannot be started at all, and its queue will say so
        return ()


def working_chains() -> list[Queue]:
    """The chains that a process works off at this moment, the oldest first.

    Raises:
        OSError: the folder of the queues cannot be read.
    """
    return [queue for file, queue in _chains() if is_worked_on(file)]


def runs_before(chains: list[Queue]) -> dict[RunDirectory, RunDirectory]:
    """The runs that these chains start by themselves, each with the one after which it is started."""
    return {run: before for chain in chains for before, run in zip(chain.runs, chain.runs[1:], strict=False)}


class Wait(NamedTuple):
    """What a run waits for that a queue at work starts by itself: a run of its chain, or one on the same device."""

    after: RunDirectory | None = None
    kept_by: RunDirectory | None = None


def wait_of(summary: RunSummary) -> Wait:
    """What a run waits for; nothing where it has begun, or no queue starts it.

    Raises:
        OSError: the folder of the queues, or that of the runs, cannot be read.
    """
    return waits_of([summary]).get(summary.run, Wait())


def waits_of(summaries: Iterable[RunSummary]) -> dict[RunDirectory, Wait]:
    """What those of the runs wait for that have not begun and that a queue at work starts by itself.

    Raises:
        OSError: the folder of the queues, or that of the runs, cannot be read.
    """
    waiting = [summary for summary in summaries if summary.condition == "waiting"]
    queues = _working_queues() if waiting else []
    to_come = {run for queue in queues for run in queue.runs}
    before = runs_before(working_chains()) if to_come else {}
    return {one.run: _wait(one, before.get(one.run)) for one in waiting if one.run in to_come}


def _wait(summary: RunSummary, before: RunDirectory | None) -> Wait:
    if before is None or not before.exists() or condition_of(before) == "completed":
        others = kept_by(summary)
        if others:
            return Wait(kept_by=others[0])
    return Wait(after=before)


def is_to_come(run: RunDirectory) -> bool:
    """Whether a queue at work has this run: where it has not begun it is started by itself.

    Raises:
        OSError: the folder of the queues cannot be read.
    """
    return any(run in queue.runs for queue in _working_queues())


def _working_queues() -> list[Queue]:
    """The chains that a process works off, and the user's own queue where it is one of them and not paused."""
    chains = working_chains()
    try:
        own = standing.read() if is_worked_on(standing.queue_file()) else Queue()
    except SidestepError:  # damaged, which its own screen says
        return chains
    return chains if own.paused else [*chains, own]


def check_turn(run: RunDirectory) -> None:
    """Refuses a run that a chain starts by itself, as long as what comes before it is not done.

    Raises:
        SidestepError: names the run that it has to wait for.
        OSError: the folder of the queues cannot be read.
    """
    before = runs_before(working_chains()).get(run)
    if before is not None and before.exists() and condition_of(before) != "completed":
        raise SidestepError(
            f"A chain starts this run by itself, after {before.name}: it needs what that one makes.",
            where=run.path,
            fix="wait: `sidestep queue list` shows how far the chain is",
        )


def _chains() -> list[tuple[Path, Queue]]:
    """Every chain on record whose file can be read, the oldest first."""
    found = []
    for file in sorted(filter(is_chain, queues_home().glob("*.json"))):
        try:
            found.append((file, read_queue(file)))
        except SidestepError:  # damaged, or done and gone since; its log says why, and nobody else has to know
            continue
    return found
