"""Tensors to disk, whole or not at all, and what went wrong in words: the libraries' own errors do not name a cause."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_atomic

_SYSTEM_ERROR: Final = re.compile(r"\(os error (\d+)\)")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes a safetensors file.

    Raises:
        SidestepError: the disk is full or cannot be written.
    """
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        write_atomic(path, lambda temporary: _save(contiguous, temporary, metadata))
    except SafetensorError as error:
        raise _not_written(path, error) from error


def write_state(path: Path, document: dict[str, Any]) -> None:
    """Writes tensors among plain values, readable with `weights_only=True`.

    Raises:
        SidestepError: the disk is full or cannot be written.
    """
    try:
        write_atomic(path, lambda temporary: torch.save(document, temporary))
    except RuntimeError as error:  # torch's writer
        raise _not_written(path, error) from error


def _save(tensors: Mapping[str, Tensor], file: Path, metadata: dict[str, str] | None) -> None:
    try:
        save_file(dict(tensors), file, metadata)
    except SafetensorError as error:
        if number := _SYSTEM_ERROR.search(str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
        raise


def _not_written(path: Path, error: Exception) -> SidestepError:
    return SidestepError(f"The file cannot be written: {error}.", where=path, fix="check the folder and its disk")
