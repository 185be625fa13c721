"""What a preset promises: the card memory that the arithmetic gives for its settings.

Shipped presets carry the figure in their file, where it can be read without the program, and a test holds it against
the arithmetic; a figure measured on a card would take its place. For every other preset it is derived when it is shown.
"""

from collections.abc import Mapping
from typing import Any, Final

from sidestep_tui.config.dit_shape import SHAPE_2B, SHAPE_XL, DitShape
from sidestep_tui.config.memory.estimate import GIB, MemoryEstimate, estimate_memory
from sidestep_tui.config.memory.load import TYPICAL_SECONDS
from sidestep_tui.config.presets.preset import Preset, with_stand_ins
from sidestep_tui.config.train import TrainSettings

MODELS: Final[Mapping[str, DitShape]] = {"2B": SHAPE_2B, "XL": SHAPE_XL}


def preset_memory(settings: Mapping[str, Any], model: str) -> MemoryEstimate:
    """The memory of a run with a preset's settings on `2B` or `XL`, for songs of 240 s.

    Raises:
        ValidationError: the settings are not a preset's.
    """
    return estimate_memory(TrainSettings.model_validate(with_stand_ins(dict(settings))), MODELS[model])


def models_of(name: str) -> tuple[str, ...]:
    """The models that a preset is for: the one that its name begins with, or both."""
    named = tuple(model for model in MODELS if name.lower().startswith(f"{model.lower()}-"))
    return named or tuple(MODELS)


def derived_promise(preset: Preset) -> str:
    """The promise in words, by arithmetic."""
    figures = (f"{preset_memory(preset.settings, m).total / GIB:.1f} GiB on {m}" for m in models_of(preset.name))
    return f"derived, not measured: {' and '.join(figures)}, for songs of {TYPICAL_SECONDS:.0f} s"


def promise_of(preset: Preset) -> str:
    """What the preset's file promises, or what the arithmetic gives where it promises nothing."""
    return preset.promise or derived_promise(preset)
