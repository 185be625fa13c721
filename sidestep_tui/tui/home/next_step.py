"""What a person would do next, in one or two sentences, from the state of the runs. Pure."""

from typing import Final

from sidestep_tui.config.jobs import JobName
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.tui.figures import count, duration, share
from sidestep_tui.tui.outline import headway, seconds_left

_AFTER: Final[dict[JobName, str]] = {
    "label": "The songs are labelled. Press D and open them: what was found is there to look at.",
    "preprocess": "The songs are encoded. Press n to train on them.",
    "import": "The tensors are taken over. Press n to train on them.",
    "estimate": "The layers are ranked: Enter shows them. Press n to train.",
    "train": "The adapter is trained. `sidestep generate --adapter {final}` lets you hear it.",
    "generate": "The song is written. Enter shows where it is.",
    "export": "The adapter is exported. Enter shows where it is.",
    "verify": "The adapter is measured. Enter shows where the report is.",
}


def next_step(runs: list[RunSummary], now: float) -> str:
    """The advice for the newest run, unless an older one was interrupted and waits to be resumed."""
    if not runs:
        return "Press n to set up your first run. To try it without a model or songs: `sidestep demo`."
    newest = runs[0]
    interrupted = next((run for run in runs if run.condition == "interrupted"), None)
    if interrupted is not None and newest.condition not in ("running", "failed"):
        return _interrupted(interrupted)
    match newest.condition:
        case "running":
            return _running(newest, now)
        case "failed":
            what = newest.state.failure.what if newest.state.failure else "it did not say why"
            return f"{newest.run.name} failed: {what} Enter shows the whole story."
        case "stopped":
            return f"{newest.run.name} was stopped{_where(newest)}. Press r to continue it."
        case "waiting":
            return f"{newest.run.name} was saved but not started. Press r to start it."
        case _:
            return _AFTER[newest.job].format(final=newest.run.final)


def _interrupted(run: RunSummary) -> str:
    saved = run.state.checkpoints
    how = f"from its checkpoint at step {count(saved[-1].step)}" if saved else "from the start: it had saved nothing"
    return f"{run.run.name} was interrupted{_where(run)}. Press r to continue it {how}."


def _running(run: RunSummary, now: float) -> str:
    way = headway(run.state)
    left = seconds_left(run.state, now)
    progress = f"{share(way.share)} done" if way else run.state.phase or "it has just begun"
    return f"{run.run.name} is running: {progress}{f', {duration(left)} left' if left else ''}. Enter watches it."


def _where(run: RunSummary) -> str:
    way = headway(run.state)
    return f" at {count(way.done)} of {count(way.total)} {way.unit}" if way else ""
