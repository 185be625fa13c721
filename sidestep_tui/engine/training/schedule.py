"""The learning rate as a pure function of the optimizer step, so that resuming needs no scheduler state."""

import math
from typing import Final

from sidestep_tui.config.optimisation import ScheduleSettings, evaluate_formula

_WARMUP_START: Final = 0.1
_LARGEST_WARMUP_SHARE: Final = 10


def learning_rate_ratio(settings: ScheduleSettings, done: int, total: int) -> float:
    """Share of the peak learning rate for the step after `done` of `total` optimizer steps.

    Linear warm-up from a tenth of the peak over `warmup_steps` (at most a tenth of the run), then the chosen shape
    down to `final_ratio`. Cosine: SGDR's annealing (arXiv:1608.03983), once or with restarts of equal length.
    """
    warmup = min(settings.warmup_steps, total // _LARGEST_WARMUP_SHARE)
    if done < warmup:
        return _WARMUP_START + (1 - _WARMUP_START) * done / warmup
    progress = min(1.0, (done - warmup) / max(1, total - warmup))
    if settings.formula is not None and settings.name == "formula":
        return evaluate_formula(settings.formula, progress, done, total)
    return settings.final_ratio + (1 - settings.final_ratio) * _shape(settings, progress)


def _shape(settings: ScheduleSettings, progress: float) -> float:
    """From 1 at progress 0 to 0 at progress 1; a constant stays at 1."""
    match settings.name:
        case "constant" | "formula":
            return 1.0
        case "linear":
            return 1 - progress
        case "polynomial":
            return float((1 - progress) ** settings.power)
        case "cosine":
            return (1 + math.cos(math.pi * progress)) / 2
        case "cosine_restarts":
            within = 1.0 if progress == 1.0 else progress * settings.restarts % 1.0
            return (1 + math.cos(math.pi * within)) / 2
