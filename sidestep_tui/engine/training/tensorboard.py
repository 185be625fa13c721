"""The run's curves for TensorBoard: an observer of its events."""

from collections.abc import Callable
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from sidestep_tui.runs.events import Event, StepCompleted, ValidationCompleted
from sidestep_tui.told import told


def tensorboard_observer(folder: Path, warn: Callable[[str, object, str], None]) -> Callable[[Event], None]:
    """Writes steps and validations as scalars; their x axis is the optimizer step.

    Where the disk takes no more of them the curves end with a warning: the run's events hold them too.
    """
    writer: SummaryWriter | None = SummaryWriter(str(folder))

    def observe(event: Event) -> None:
        nonlocal writer
        if writer is None:
            return
        try:
            _write_event(writer, event)
        except OSError as error:  # its thread has ended with the error, and takes nothing more
            writer = None
            fix = told("the run goes on; once the disk takes more, a stop and a resume begin new ones")
            warn(told("TensorBoard's curves end here: {reason}.", reason=error.strerror or str(error)), folder, fix)

    return observe


def _write_event(writer: SummaryWriter, event: Event) -> None:
    if isinstance(event, StepCompleted):
        _write(writer, event.step, {
            "train/loss": event.loss, "train/gradient_norm": event.gradient_norm,
            "train/learning_rate": event.learning_rate, "train/seconds": event.seconds,
        })  # fmt: skip
    elif isinstance(event, ValidationCompleted):
        _write(writer, event.step, {"validation/loss": event.loss, "validation/train_loss": event.train_loss})
        writer.flush()


def _write(writer: SummaryWriter, step: int, values: dict[str, float | None]) -> None:
    for name, value in values.items():
        if value is not None:
            writer.add_scalar(name, value, step)
