"""Precisions of weights by the names that settings and files give them."""

from typing import Final

import torch

PRECISIONS: Final = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def precision_name(dtype: torch.dtype) -> str:
    """`bfloat16`."""
    return str(dtype).removeprefix("torch.")
