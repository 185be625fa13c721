"""Precisions: of weights, by the names that settings and files give them, and of what is computed with them."""

from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

PRECISIONS: Final = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def precision_name(dtype: torch.dtype) -> str:
    """`bfloat16`."""
    return str(dtype).removeprefix("torch.")


def mixed_precision(transformer: "AceStepTransformer1DModel") -> torch.autocast:
    """Frozen weights in bfloat16 meet a float32 adapter in bfloat16 products; float32 weights change nothing."""
    weight = transformer.proj_in_conv.weight
    return torch.autocast(weight.device.type, torch.bfloat16, enabled=weight.dtype == torch.bfloat16)
