"""Which queued runs wait for the queue's process, from what a screen knows of them. Pure."""

from typing import Final

from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.queue import Queue

_STARTS: Final = ("waiting", "interrupted")


def run_of_the_moment(queue: Queue, summaries: list[RunSummary]) -> RunSummary | None:
    """The run that the queue's process works on or starts next; None where nothing is left to do."""
    known = {summary.run: summary for summary in summaries}
    found = (known[run] for run in queue.runs if run in known)
    return next((summary for summary in found if summary.condition in ("running", *_STARTS)), None)


def waiting_runs(queue: Queue, summaries: list[RunSummary]) -> frozenset[RunDirectory]:
    """The runs that the queue would start by itself: none where it is paused, or has ended at a failure."""
    conditions = {summary.run: summary.condition for summary in summaries}
    left = [run for run in queue.runs if conditions.get(run) != "completed"]
    ended = not queue.skip_failures and bool(left) and conditions.get(left[0]) not in _STARTS
    found = () if queue.paused or ended else left
    return frozenset(run for run in found if conditions.get(run) in _STARTS)
