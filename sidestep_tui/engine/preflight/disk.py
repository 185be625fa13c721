"""How much a training run writes."""

from typing import Final

from torch import Tensor

from sidestep_tui.acestep.model_config import SAMPLE_RATE
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.training.optimizer import trains_elsewhere
from sidestep_tui.engine.training.plan import StepPlan
from sidestep_tui.engine.training.setup import Setup

_FP32: Final = 4
_SAMPLE_BYTES_PER_SECOND: Final = SAMPLE_RATE * 2 * 3  # FLAC of 24 bits at the worst: not compressed at all


def disk_needed(settings: TrainSettings, setup: Setup, plan: StepPlan) -> int:
    """Bytes of checkpoints, best and final adapter, and samples, at the most that lies there at one time.

    Call it after a step: the optimizer makes its state at the first.
    """
    model = setup.model
    adapter = sum(parameter.numel() for parameter in model.parameters.values()) * _FP32
    copies = 1 if model.average is None else 2
    state = sum(
        value.numel() * value.element_size()
        for entry in model.optimizer.state.values()
        for value in entry.values()
        if isinstance(value, Tensor)
    )
    if trains_elsewhere(model.optimizer):
        state += adapter
    kept = min(settings.checkpoints.keep_last, _saves(settings, plan)) + 1  # the newest is written before one goes
    folders = 1 + (1 if setup.songs.split.validation else 0)  # final, best
    return kept * (copies * adapter + state) + folders * copies * adapter + _samples(settings, len(setup.samples), plan)


def _saves(settings: TrainSettings, plan: StepPlan) -> int:
    epochs = -(-plan.total_steps // plan.steps_per_epoch)
    every = settings.checkpoints.every_steps
    return epochs // settings.checkpoints.every_epochs + (plan.total_steps // every if every else 0) + 1


def _samples(settings: TrainSettings, songs: int, plan: StepPlan) -> int:
    every = settings.samples.every_epochs
    if every is None:
        return 0
    times = 2 + -(-plan.total_steps // plan.steps_per_epoch) // every  # before the first step and after the last too
    return int(times * songs * settings.samples.duration * _SAMPLE_BYTES_PER_SECOND)
