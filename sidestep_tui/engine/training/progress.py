"""What a step says about the run it belongs to: pure functions of its position, so resuming needs nothing else."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.data.bands import BandLosses
from sidestep_tui.engine.data.batches import Draw
from sidestep_tui.engine.training.checkpoint import Position
from sidestep_tui.engine.training.objective import weighted
from sidestep_tui.told import told


def begun(position: Position, settings: TrainSettings) -> Position:
    """The position with everything that the settings want to be measured, and nothing that they no longer want."""
    if not settings.objective.adaptive:
        return replace(position, bands=None)
    return replace(position, bands=position.bands or BandLosses())


def mean_loss(draws: Sequence[Draw], losses: Sequence[float]) -> float:
    """The loss of a step as the timestep law sees it, whatever adaptive sampling drew."""
    return sum(loss * draw.importance for loss, draw in zip(losses, draws, strict=True)) / len(losses)


def skipped(position: Position, step: int) -> Position:
    """The position after a step that moved nothing."""
    return replace(position, step=step, bands=position.bands and position.bands.after_step([], []))


def advanced(
    position: Position, step: int, draws: Sequence[Draw], losses: Sequence[float], settings: TrainSettings
) -> Position:
    """The position after a step with these samples."""
    bands, target, training = position.bands, position.target, settings.training
    if bands is not None:
        parts = weighted(torch.tensor(losses), torch.tensor([draw.t for draw in draws]), settings.objective)
        bands = bands.after_step([draw.band for draw in draws], parts.tolist())
    if training.target_loss is not None:
        target = target.after_step(mean_loss(draws, losses), training.target_loss, training.target_window)
    return replace(position, step=step, bands=bands, target=target)


def damping(position: Position, settings: TrainSettings) -> float:
    """What the target loss multiplies the next step's learning rate by."""
    training = settings.training
    if training.target_loss is None:
        return 1.0
    return position.target.damping(training.target_loss, training.target_window)


def reason_to_end(position: Position, settings: TrainSettings) -> str | None:
    """Why the run should end here, if it should."""
    training, patience = settings.training, settings.validation.patience
    if training.target_loss is not None and position.target.ends(training.target_window):
        return told(f"the loss stays below {training.target_loss:g}")
    if patience is not None and position.without_best >= patience:
        return told("validation no longer improves")
    return None
