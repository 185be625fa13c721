"""The run's curves for TensorBoard: an observer of its events."""

from collections.abc import Callable
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from sidestep_tui.runs.events import Event, StepCompleted, ValidationCompleted


def tensorboard_observer(folder: Path) -> Callable[[Event], None]:
    """Writes steps and validations as scalars; their x axis is the optimizer step."""
    writer = SummaryWriter(str(folder))

    def observe(event: Event) -> None:
        if isinstance(event, StepCompleted):
            _write(writer, event.step, {
                "train/loss": event.loss, "train/gradient_norm": event.gradient_norm,
                "train/learning_rate": event.learning_rate, "train/seconds": event.seconds,
            })  # fmt: skip
        elif isinstance(event, ValidationCompleted):
            _write(writer, event.step, {"validation/loss": event.loss, "validation/train_loss": event.train_loss})
            writer.flush()

    return observe


def _write(writer: SummaryWriter, step: int, values: dict[str, float | None]) -> None:
    for name, value in values.items():
        if value is not None:
            writer.add_scalar(name, value, step)
