"""What a shipped preset promises: the card memory that the arithmetic gives for it."""

from collections.abc import Mapping
from typing import Any, Final

from sidestep_tui.config.dit_shape import SHAPE_2B, SHAPE_XL, DitShape
from sidestep_tui.config.fields import put
from sidestep_tui.config.memory import GIB, TYPICAL_SECONDS, MemoryEstimate, estimate_memory
from sidestep_tui.config.train import TrainSettings

MODELS: Final[Mapping[str, DitShape]] = {"2B": SHAPE_2B, "XL": SHAPE_XL}


def preset_memory(settings: Mapping[str, Any], model: str) -> MemoryEstimate:
    """The memory of a run with a preset's settings on `2B` or `XL`, for songs of 240 s.

    Raises:
        ValidationError: the settings are not a preset's.
    """
    document = put(put(dict(settings), "model.checkpoint", "model"), "data.tensors", "tensors")
    return estimate_memory(TrainSettings.model_validate(document), MODELS[model])


def derived_promise(name: str, settings: Mapping[str, Any]) -> str:
    """The promise in words: for the model that the preset's name begins with, or for both."""
    models = [model for model in MODELS if name.lower().startswith(f"{model.lower()}-")] or list(MODELS)
    figures = " and ".join(f"{preset_memory(settings, m).total / GIB:.1f} GiB on {m}" for m in models)
    return f"derived, not measured: {figures}, for songs of {TYPICAL_SECONDS:.0f} s"
