"""What a person would do next, in one or two sentences, from the state of the runs. Pure."""

from collections.abc import Mapping
from typing import Final

from sidestep_tui.config.jobs import JobName
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.chains import Wait
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.resuming import way_on
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import count, duration, share
from sidestep_tui.tui.outline import headway

_AFTER: Final[dict[JobName, str]] = {
    "label": _("The songs are labelled. Press D and open them: what was found is there to look at."),
    "preprocess": _("The songs are encoded. Press n to train on them."),
    "import": _("The tensors are taken over. Press n to train on them."),
    "estimate": _("The layers are ranked: Enter shows them. Press n to train."),
    "preflight": _("The run is measured. Press n to set it up: the wizard shows what it takes."),
    "train": _("The adapter is trained. y shows the command that lets you hear it."),
    "generate": _("The song is written. Enter shows where it is."),
    "export": _("The adapter is exported. Enter shows where it is."),
    "verify": _("The adapter is measured. Enter shows where the report is."),
}

_ONE_GO_SECONDS: Final = 5.0
"""Runs that were made within so short a time are of one chain: a person takes longer."""


def next_step(runs: list[RunSummary], queue_is_deserted: bool = False, waits: Mapping[str, Wait] | None = None) -> str:
    """The advice for the newest run, unless an older one was interrupted and waits to be resumed, or the queue does.

    Args:
        runs: all runs, the newest first.
        queue_is_deserted: whether queued runs wait and nothing works on them.
        waits: what the runs wait for that a queue starts by itself, by their paths.
    """
    if not runs:
        return _(
            "Press n to set up your first run: it finds your models, or downloads one. "
            "To try it without a model or songs: `sidestep demo`."
        )
    newest = _telling(runs)
    if queue_is_deserted and newest.condition != "running":
        return _("Queued runs wait and nothing works on them, as after a reboot. Press u and they go on.")
    interrupted = next((run for run in runs if run.condition == "interrupted"), None)
    if interrupted is not None and newest.condition not in ("running", "failed"):
        return _interrupted(interrupted)
    match newest.condition:
        case "running":
            return _running(newest)
        case "failed":
            what = spoken(newest.state.failure.what) if newest.state.failure else _("it did not say why")
            return _("{name} failed: {what} Enter shows the whole story.").format(name=newest.run.name, what=what)
        case "stopped":
            return _("{name} was stopped{where}. Press r on its row to continue it.").format(
                name=newest.run.name, where=_where(newest)
            )
        case "waiting" if (wait := (waits or {}).get(str(newest.run.path))) is not None:
            return _starting_by_itself(newest.run.name, wait)
        case "waiting":
            return _("{name} was saved but not started. Press r on its row to start it.").format(name=newest.run.name)
        case _ if newest.job == "train" and newest.state.samples:
            return _("The adapter is trained. Enter and then a shows the songs that it made on the way.")
        case _:
            return _AFTER[newest.job]


def _starting_by_itself(name: str, wait: Wait) -> str:
    if wait.kept_by is not None:
        return _("{name} is started by itself when {other} leaves the device.").format(
            name=name, other=wait.kept_by.name
        )
    if wait.after is not None:
        return _("{name} is started by itself after {before}.").format(name=name, before=wait.after.name)
    return _("{name} is started by itself, by the queue: u shows it.").format(name=name)


def _telling(runs: list[RunSummary]) -> RunSummary:
    """The newest run; where it waits for runs that were made with it, the one of them that is at work or has failed.

    The wizard makes all runs of a chain in one go, training last: started by itself it would not find its songs.
    """
    newest = runs[0]
    if newest.condition != "waiting":
        return newest
    made_together = (run for run in runs[1:] if newest.created_at - run.created_at < _ONE_GO_SECONDS)
    return next((run for run in made_together if run.condition in ("running", "failed", "stopped")), newest)


def _interrupted(run: RunSummary) -> str:
    saved = run.state.checkpoints
    match way_on(run.job):
        case "checkpoint" if saved:
            how = _("from its checkpoint at step {step}").format(step=count(saved[-1].step))
        case "checkpoint":
            how = _("from the start: it had saved nothing")
        case "rest":
            how = _("with what is left")
        case _:
            how = _("from the start")
    return _("{name} was interrupted{where}. Press r on its row to continue it {how}.").format(
        name=run.run.name, where=_where(run), how=how
    )


def _running(run: RunSummary) -> str:
    if run.state.is_paused:
        return _("{name} is paused{where}. Enter and then p lets it go on.").format(
            name=run.run.name, where=_where(run)
        )
    way = headway(run.state)
    left = run.state.seconds_left()
    phase = spoken(run.state.phase) or _("it has just begun")
    waiting = run.state.phase == ev.WAITING_FOR_ROOM  # it may have done all of its steps, and waits for a person
    progress = _("{share} done").format(share=share(way.share)) if way and not waiting else phase
    if left and not waiting:
        progress += _(", {time} left").format(time=duration(left))
    return _("{name} is running: {progress}. Enter watches it.").format(name=run.run.name, progress=progress)


def _where(run: RunSummary) -> str:
    way = headway(run.state)
    return _(" at {progress}").format(progress=way.told) if way else ""
