"""Reads stored tensors straight into the memory that keeps them.

A mapped file counts in resident memory page by page, beside the tensor that is copied from it: twice the model, for as
long as the mapping lives. A plain read leaves nothing behind. Where the stored tensor has another precision or the
target lies on a card, it passes in pieces through one small buffer.
"""

from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from sidestep_tui.acestep.pinned import empty_pinned
from sidestep_tui.acestep.safetensors_index import TensorEntry
from sidestep_tui.errors import SidestepError

_DTYPES: Final = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}
_BUFFER_BYTES: Final = 32 * 1024**2


def stored_dtype(entry: TensorEntry) -> torch.dtype:
    """The precision in which a tensor is stored.

    Raises:
        SidestepError: it is none that torch has.
    """
    if entry.dtype not in _DTYPES:
        raise SidestepError(
            f"The tensor {entry.name} is stored as {entry.dtype}, which cannot be read.",
            where=entry.file,
            fix="download the model in bfloat16 or float32",
        )
    return _DTYPES[entry.dtype]


def fill_tensors(file: Path, targets: Iterable[tuple[TensorEntry, Tensor]]) -> None:
    """Reads tensors of one file, in the order in which they lie there, each into its target.

    Args:
        file: in safetensors format.
        targets: stored tensors and where they go: of their shape, contiguous, of any dtype and on any device.

    Raises:
        SidestepError: the file cannot be read, or ends too early.
    """
    try:
        with file.open("rb", buffering=0) as stream:
            buffer = _Buffer(stream)
            for entry, target in sorted(targets, key=lambda pair: pair[0].start):
                buffer.fill(entry, target)
    except OSError as error:
        raise _unreadable(file) from error


class _Buffer:
    """An open file and the piece of host memory that tensors pass through on their way; made when first needed."""

    def __init__(self, stream: FileIO) -> None:
        self._stream = stream
        self._memory: Tensor | None = None

    def fill(self, entry: TensorEntry, target: Tensor) -> None:
        """Reads one tensor into its place."""
        dtype = stored_dtype(entry)
        if entry.end - entry.start != target.numel() * dtype.itemsize:
            raise _unreadable(entry.file)
        self._stream.seek(entry.start)
        flat = target.view(-1)
        if target.device.type == "cpu" and target.dtype == dtype:
            self._read(flat)
            return
        memory = self._for(target.device).view(dtype)
        for piece in torch.split(flat, len(memory)):
            stored = memory[: len(piece)]
            self._read(stored)
            piece.copy_(stored)

    def _for(self, device: torch.device) -> Tensor:
        if self._memory is None:
            size, dtype = (_BUFFER_BYTES,), torch.uint8
            self._memory = empty_pinned(size, dtype) if device.type == "cuda" else torch.empty(size, dtype=dtype)
        return self._memory

    def _read(self, tensor: Tensor) -> None:
        """Fills a flat tensor with the bytes that follow; a single read need not give all of them."""
        rest = tensor.view(torch.uint8).numpy().data
        while rest:
            count = self._stream.readinto(rest)
            if not count:
                raise _unreadable(Path(str(self._stream.name)))
            rest = rest[count:]


def _unreadable(file: Path) -> SidestepError:
    return SidestepError("The weights file cannot be read.", where=file, fix="download the model again")
