"""Which runs the list shows and in which order. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from sidestep_tui.runs.compare import best_validation_loss
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.tui.words import word

ORDERS: Final = ("newest", "name", "condition", "loss", "validation", "disk")


def is_read_elsewhere(run: RunSummary) -> bool:
    """Whether a run is a preflight that has done its work: its figures stand in the wizard."""
    return run.job == "preflight" and run.condition == "completed"


def arranged(
    runs: Sequence[RunSummary], notes: Mapping[str, str], words: str, order: str, held: Mapping[str, int]
) -> list[RunSummary]:
    """The runs that fit every word, sorted; without words those that `is_read_elsewhere` are left out.

    Args:
        runs: all runs, the newest first.
        notes: the note of each run by its path.
        words: parts of names, jobs, conditions or notes, in any order and case.
        order: one of `ORDERS`; runs without the figure come last, those that hold most on disk first.
        held: bytes on disk of each run by its path.
    """
    wanted = words.casefold().split()

    def told(run: RunSummary) -> str:
        said = (run.job, word(run.job), run.condition, word(run.condition), notes.get(str(run.run.path), ""))
        return " ".join((run.run.name, *said)).casefold()

    def figure(run: RunSummary) -> tuple[bool, float]:
        value = run.state.recent_loss() if order == "loss" else best_validation_loss(run.state)
        return value is None, value or 0.0

    kept = [run for run in runs if all(part in told(run) for part in wanted) and (wanted or not is_read_elsewhere(run))]
    match order:
        case "name":
            return sorted(kept, key=lambda run: run.run.name.casefold())
        case "condition":
            return sorted(kept, key=lambda run: run.condition)
        case "loss" | "validation":
            return sorted(kept, key=figure)
        case "disk":
            return sorted(kept, key=lambda run: -held.get(str(run.run.path), 0))
        case _:
            return kept
