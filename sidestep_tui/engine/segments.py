"""How torch takes a card's memory: in segments that grow, where that works: songs of many lengths leave fewer gaps.

Torch's usual segments keep the size that they were made with, and what a longer song needs fits into none of a shorter
one's (docs/benchmarks.md, "Songs of many lengths").
"""

import os
import platform
import sys
from typing import Final

import torch

from sidestep_tui.errors import first_line
from sidestep_tui.runs.cards import driver_cards

_VARIABLES: Final = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
_TRIED_BYTES: Final = 32 * 1024**2


def let_segments_grow(device: torch.device) -> str | None:
    """Lets this process's segments on cards grow from now on, unless somebody has told torch's allocator otherwise.

    Args:
        device: a card, on which it is tried.

    Returns:
        Why they do not, else None.
    """
    reason = _why_not()
    if reason is not None:
        return reason
    _set(grow=True)
    try:
        torch.empty(_TRIED_BYTES, dtype=torch.uint8, device=device)
    except RuntimeError as error:  # a part of a card, or a driver that has no memory to be mapped piece by piece
        _set(grow=False)
        return first_line(error)
    torch.cuda.empty_cache()
    return None


def _why_not() -> str | None:
    for variable in _VARIABLES:
        if variable in os.environ:
            return f"{variable} is {os.environ[variable]}"
    if sys.platform != "linux" or torch.version.cuda is None:
        return "torch has them for CUDA on Linux alone"
    if "microsoft" in platform.release().lower():
        return "the driver of WSL may refuse them in the middle of a run"  # pytorch/pytorch#192330
    if not driver_cards():
        return "NVML does not answer"  # torch 2.13 asks it when it maps memory, and dies where it is not there
    return None


def _set(*, grow: bool) -> None:
    torch._C._accelerator_setAllocatorSettings(f"expandable_segments:{grow}")
