"""A card whose memory is full says so in several ways; who frees some and tries again needs to hear one of them.

Torch's allocator raises its own error. But CUDA loads a kernel when it is first asked for, cuBLAS makes its handle
then, and cuDNN looks for a way that fits: where the allocator has taken all there is, they fail in their own words.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import torch

from sidestep_tui.errors import first_line

_WORDS: Final = re.compile(r"CUDA error: out of memory|_STATUS_ALLOC_FAILED|unable to find an engine to execute")


@contextmanager
def told_as_full() -> Iterator[None]:
    """Inside, whatever a full card says is raised as torch.OutOfMemoryError."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError) or not says_full(error):
            raise
        raise torch.OutOfMemoryError(first_line(error)) from error


def says_full(error: Exception) -> bool:
    """Whether this is what a full card says."""
    return isinstance(error, torch.OutOfMemoryError) or _WORDS.search(str(error)) is not None
