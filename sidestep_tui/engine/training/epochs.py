"""The part of an epoch that an earlier life of a run has done: a stop does not wait for an epoch's end."""

from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import StepCompleted
from sidestep_tui.runs.log import EventReader


def losses_so_far(run: RunDirectory, step: int, steps_per_epoch: int) -> list[float]:
    """The losses of the epoch that a run goes on with after `step`, as its log has them; a step done again counts once.

    There are none where an epoch begins, and where a checkpoint came without the log of its run.
    """
    begins = step - step % steps_per_epoch
    if begins == step:
        return []
    events = EventReader(run.events_file).stream()
    done = (event for event in events if isinstance(event, StepCompleted) and begins < event.step <= step)
    return [loss for loss in {event.step: event.loss for event in done}.values() if loss is not None]
