"""Which queued runs wait for the queue's process, from what a screen knows of them and the lengths of their logs."""

from typing import Final

from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.queue import Queue

_STARTS: Final = ("waiting", "interrupted")


def run_of_the_moment(queue: Queue, summaries: list[RunSummary]) -> RunSummary | None:
    """The run that the queue's process works on or starts next; None where nothing is left to do."""
    known = {summary.run: summary for summary in summaries}
    found = (known[run] for run in queue.runs if run in known)
    return next((summary for summary in found if summary.condition == "running" or _starts(queue, summary)), None)


def waiting_runs(queue: Queue, summaries: list[RunSummary]) -> frozenset[RunDirectory]:
    """The runs that the queue would start by itself: none where it is paused, or has ended at a failure."""
    known = {summary.run: summary for summary in summaries}
    left = [known[run] for run in queue.runs if run in known and known[run].condition != "completed"]
    ended = not queue.skip_failures and bool(left) and not _starts(queue, left[0])
    found = () if queue.paused or ended else left
    return frozenset(summary.run for summary in found if _starts(queue, summary))


def _starts(queue: Queue, summary: RunSummary) -> bool:
    """Whether the queue starts a run: one that has ended only where it was put in after that."""
    if summary.condition in ("running", "completed"):
        return False
    return summary.condition in _STARTS or queue.is_new(summary.run)
