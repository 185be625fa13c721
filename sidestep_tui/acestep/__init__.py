"""ACE-Step 1.5 itself: layouts, loading, conditioning, attention and the training objective, on diffusers' classes.

Importing this package loads no torch: its names are looked up when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sidestep_tui.acestep.checkpoint import Checkpoint, open_checkpoint
    from sidestep_tui.acestep.layout import Layout
    from sidestep_tui.acestep.model_config import ModelConfig, Variant

__all__ = ["Checkpoint", "Layout", "ModelConfig", "Variant", "open_checkpoint"]

_HOMES = {
    "Checkpoint": "checkpoint",
    "open_checkpoint": "checkpoint",
    "Layout": "layout",
    "ModelConfig": "model_config",
    "Variant": "model_config",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
