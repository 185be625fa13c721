"""What lets a training run that has ended train longer."""

from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs.state import RunState


def what_ended(settings: TrainSettings, state: RunState) -> dict[str, str]:
    """What bounds the run, twice as far, by the settings' paths: its length, or what ended it before that.

    Where a run has both a target and patience, its events do not say which of them it was: both are given.
    """
    training, patience = settings.training, settings.validation.patience
    early: dict[str, str] = {}
    if state.total_steps is not None and state.step < state.total_steps:
        if patience is not None:
            early["validation.patience"] = str(2 * patience)
        if training.target_loss is not None:
            early["training.target_loss"] = "none"
    if training.max_steps is not None and state.step >= training.max_steps:
        return {"training.max_steps": str(2 * training.max_steps)}
    return early or {"training.epochs": str(2 * training.epochs)}
