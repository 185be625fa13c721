"""The one safetensors file of an exported adapter: its tensors in the precision asked for, and its metadata."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from sidestep_tui.engine.tensor_files import write_tensors


def save_weights(path: Path, tensors: Mapping[str, Tensor], dtype: torch.dtype, metadata: dict[str, str]) -> None:
    """Writes tensors in a dtype. Single numbers (alpha) and the lengths of weights' rows (DoRA) are never rounded.

    In bfloat16 the lengths would be off by up to 0.4%, as much as many an adapter changes a weight.
    """
    stored = {key: tensor.to(dtype) if tensor.ndim > 1 else tensor for key, tensor in tensors.items()}
    write_tensors(path, stored, metadata)


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a file."""
    with safe_open(path, "pt") as stored:
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 - not a dict
        return tensors, stored.metadata() or {}
