"""Memory of the host from which a card fetches by itself, as long as the system gives any.

A container, WSL or a host that is nearly full pins little. Copies from other memory give the same, and wait for the
host: no run ends for that.
"""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from sidestep_tui.errors import first_line


def pinned(tensor: Tensor) -> Tensor:
    """The tensor in pinned memory; as it is, and a word in the log, where the system pins no more."""
    try:
        return tensor.pin_memory()
    except RuntimeError as error:
        _tell(error)
        return tensor


def empty_pinned(shape: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Pinned memory with anything in it; other memory, and a word in the log, where the system pins no more."""
    try:
        return torch.empty(shape, dtype=dtype, pin_memory=True)
    except RuntimeError as error:
        _tell(error)
        return torch.empty(shape, dtype=dtype)


def _tell(error: RuntimeError) -> None:
    warnings.warn(
        f"Copies to the card wait for the host, whose memory is not pinned: {first_line(error)}", stacklevel=3
    )
