"""ACE-Step 1.5 itself: layouts, loading, conditioning, attention and the training objective, on diffusers' classes.

Importing this package loads no torch; opening a checkpoint does not either.
"""

from sidestep_tui.acestep.checkpoint import Checkpoint, open_checkpoint
from sidestep_tui.acestep.layout import Layout
from sidestep_tui.acestep.model_config import ModelConfig, Variant

__all__ = ["Checkpoint", "Layout", "ModelConfig", "Variant", "open_checkpoint"]
