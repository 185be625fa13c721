"""What differs between runs: how they did, and the settings in which they are not alike."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sidestep_tui.config.adapter import OftSettings, used_alpha
from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import leaves
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.state import RunState

RATE_SET: Final = "rate set live"
_RATE: Final = "optimizer.learning_rate"
Row = tuple[str, list[Any]]
"""A name, and one value for each run."""


def outcomes(summaries: Sequence[RunSummary]) -> list[Row]:
    """How the runs did."""
    states = [summary.state for summary in summaries]
    live = [", ".join(f"{rate} after step {step}" for rate, step in rates_set(state)) or None for state in states]
    return [
        ("condition", [summary.condition for summary in summaries]),
        ("done", [extent_text(state) for state in states]),
        ("recent loss", [state.recent_loss() for state in states]),
        ("best validation", [best_validation_loss(state) for state in states]),
        ("s/step", [state.recent_seconds_per_step() for state in states]),
        *([(RATE_SET, live)] if any(live) else []),
    ]


def rates_set(state: RunState) -> list[tuple[str, int]]:
    """The learning rates that were set while the run worked, each with the step after which it counted."""
    asked = ((command.arguments.get(_RATE), command.step) for command in state.commands if command.command == "set")
    return [(rate, step) for rate, step in asked if rate is not None]


def differing_settings(summaries: Sequence[RunSummary]) -> list[Row]:
    """The settings that are not the same in all of the runs; one that a run left open has the value that it took.

    Raises:
        SidestepError: a run's settings are not valid for this version.
    """
    settings = [summary.run.settings() for summary in summaries]
    flat = [dict(leaves(one.model_dump(mode="json"))) for one in settings]
    used = [{**values, **_taken(one)} for values, one in zip(flat, settings, strict=True)]
    rows = ((path, [values.get(path) for values in used]) for path in _unlike(flat))
    return [(path, values) for path, values in rows if any(value != values[0] for value in values)]


def _unlike(flat: Sequence[Mapping[str, Any]]) -> list[str]:
    paths = dict.fromkeys(path for values in flat for path in values)
    return [path for path in paths if any(values.get(path) != flat[0].get(path) for values in flat)]


def _taken(settings: Section) -> dict[str, Any]:
    """By path what a run takes for settings that may be left open."""
    if not isinstance(settings, TrainSettings):
        return {}
    taken = {_RATE: settings.optimizer.peak_rate}
    if not isinstance(settings.adapter, OftSettings):
        taken["adapter.alpha"] = used_alpha(settings.adapter)
    return taken


def extent_text(state: RunState) -> str:
    """How far a run is."""
    if state.total_steps is not None:
        return f"{state.step}/{state.total_steps} steps"
    return f"{state.progress.done}/{state.progress.total} {state.progress.unit}" if state.progress else ""


def best_validation_loss(state: RunState) -> float | None:
    """The lowest loss on held-out songs."""
    return min((v.loss for v in state.validations if v.loss is not None), default=None)
