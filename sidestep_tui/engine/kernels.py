"""Which kernels of a card a job may use, and what it says where it must do without."""

import torch

from sidestep_tui.acestep.flash import trust_flash
from sidestep_tui.engine.context import JobContext


def trust_kernel(context: JobContext, device: torch.device) -> None:
    """Lets a card use its flash kernel if it gives the right numbers there; a warning if it should and does not."""
    reason = trust_flash(device)
    if reason is not None:
        context.warn(
            f"Attention runs without the flash kernel: {reason}", "memory.attention", "update torch and the driver"
        )
