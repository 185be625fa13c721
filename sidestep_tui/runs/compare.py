"""What differs between runs: how they did, and the settings in which they are not alike."""

from collections.abc import Sequence
from typing import Any

from sidestep_tui.config.fields import leaves
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.state import RunState

Row = tuple[str, list[Any]]
"""A name, and one value for each run."""


def outcomes(summaries: Sequence[RunSummary]) -> list[Row]:
    """How the runs did."""
    states = [summary.state for summary in summaries]
    return [
        ("condition", [summary.condition for summary in summaries]),
        ("done", [extent_text(state) for state in states]),
        ("recent loss", [state.recent_loss() for state in states]),
        ("best validation", [best_validation_loss(state) for state in states]),
        ("s/step", [state.recent_seconds_per_step() for state in states]),
    ]


def differing_settings(summaries: Sequence[RunSummary]) -> list[Row]:
    """The settings that are not the same in all of the runs.

    Raises:
        SidestepError: a run's settings are not valid for this version.
    """
    flat = [dict(leaves(summary.run.settings().model_dump(mode="json"))) for summary in summaries]
    paths = dict.fromkeys(path for settings in flat for path in settings)
    rows = ((path, [settings.get(path) for settings in flat]) for path in paths)
    return [(path, values) for path, values in rows if any(value != values[0] for value in values)]


def extent_text(state: RunState) -> str:
    """How far a run is."""
    if state.total_steps is not None:
        return f"{state.step}/{state.total_steps} steps"
    return f"{state.progress.done}/{state.progress.total} {state.progress.unit}" if state.progress else ""


def best_validation_loss(state: RunState) -> float | None:
    """The lowest loss on held-out songs."""
    return min((v.loss for v in state.validations if v.loss is not None), default=None)
