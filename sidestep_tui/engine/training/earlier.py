"""What the log tells a run that goes on about its earlier lives: a stop does not wait for an epoch's end."""

from collections.abc import Mapping, Sequence
from typing import Any

from sidestep_tui.engine.training.plan import Step
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import CommandApplied, EpochCompleted, RunStarted, StepCompleted
from sidestep_tui.runs.log import EventReader


def steps_so_far(run: RunDirectory, step: int, steps_per_epoch: int) -> list[StepCompleted]:
    """The steps of the epoch that a run goes on with after `step`, as its log has them; a step done again counts once.

    There are none where an epoch begins, and where a checkpoint came without the log of its run.
    """
    begins = step - step % steps_per_epoch
    if begins == step:
        return []
    events = EventReader(run.events_file).stream()
    done = (event for event in events if isinstance(event, StepCompleted) and begins < event.step <= step)
    return list({event.step: event for event in done}.values())


def epoch_completed(step: Step, done: Sequence[StepCompleted]) -> EpochCompleted:
    """What is told of an epoch that ends with this step: the mean loss of its steps, and the time that they took."""
    losses = [one.loss for one in done if one.loss is not None]
    mean = sum(losses) / len(losses) if losses else None
    return EpochCompleted(epoch=step.epoch, step=step.number, loss=mean, seconds=sum(one.seconds for one in done))


def values_set(run: RunDirectory, since: int) -> dict[int, list[dict[str, str]]]:
    """What people set while the run worked, by the step after which it took effect, as far as these are done again.

    A life that began with another value of a setting was told so later: what was set of it before counts no more.
    """
    recorded: list[tuple[int, dict[str, str]]] = []
    settings: Mapping[str, Any] = {}
    for event in EventReader(run.events_file).stream():
        if isinstance(event, RunStarted):
            before, settings = settings, event.settings
            changed = {path for path in {*before, *settings} if before.get(path) != settings.get(path)}
            recorded = [(step, values) for step, values in recorded if changed.isdisjoint(values)]
        elif isinstance(event, CommandApplied) and event.command == "set" and event.step >= since:
            recorded.append((event.step, event.arguments))
    by_step: dict[int, list[dict[str, str]]] = {}
    for step, values in recorded:
        by_step.setdefault(step, []).append(values)
    return by_step
