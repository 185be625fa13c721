"""Changes to the files of a model folder, and trust in a kernel."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sidestep_tui.acestep import flash

FULL = [
    partial(torch.OutOfMemoryError, "CUDA out of memory."),
    partial(torch.AcceleratorError, "CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'."),
    partial(RuntimeError, "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    partial(RuntimeError, "GET was unable to find an engine to execute this computation"),
]
"""What a full card says: the allocator, a kernel that finds no room to be loaded, cuBLAS and cuDNN."""


def trust(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a device have passed the check of its flash kernel, which no device of a machine without a card can."""
    monkeypatch.setattr(flash, "_trusted", {device})


def edit_config(folder: Path, remove: tuple[str, ...] = (), **changes: Any) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in config.items() if key not in remove}))


def rewrite(file: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
