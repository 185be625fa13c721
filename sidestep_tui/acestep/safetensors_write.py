"""Writes safetensors files whose tensors are made one by one, so that no model is ever whole in memory (no torch)."""

import json
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidestep_tui.files import write_json_atomic

SHARD_BYTES: Final = 5_000_000_000
"""Of a file; the published 2B models are one file below it, the XL models four."""


@dataclass(frozen=True)
class PlannedTensor:
    """A tensor to be written: what the header says of it, and where its bytes come from when its turn comes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    read: Callable[[], bytes]


def write_model(
    folder: Path, stem: str, tensors: Iterable[PlannedTensor], on_tensor: Callable[[], None], limit: int = SHARD_BYTES
) -> None:
    """Writes `STEM.safetensors`, or shards of at most `limit` bytes with their index where one file would be larger."""
    shards = _shards(tensors, limit)
    if len(shards) == 1:
        write_safetensors(folder / f"{stem}.safetensors", shards[0], on_tensor)
        return
    names: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        name = f"{stem}-{number:05d}-of-{len(shards):05d}.safetensors"
        write_safetensors(folder / name, shard, on_tensor)
        names |= dict.fromkeys((tensor.name for tensor in shard), name)
    size = sum(tensor.size for shard in shards for tensor in shard)
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(names.items()))}
    write_json_atomic(folder / f"{stem}.safetensors.index.json", index)


def write_safetensors(path: Path, tensors: Sequence[PlannedTensor], on_tensor: Callable[[], None]) -> None:
    """Writes one file: eight bytes with the header's length, the header, the tensors in the order given."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for tensor in tensors:
        ends = [offset, offset + tensor.size]
        header[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": ends}
        offset += tensor.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors:
            stream.write(tensor.read())
            on_tensor()


def _shards(tensors: Iterable[PlannedTensor], limit: int) -> list[list[PlannedTensor]]:
    shards: list[list[PlannedTensor]] = [[]]
    filled = 0
    for tensor in tensors:
        if shards[-1] and filled + tensor.size > limit:
            shards.append([])
            filled = 0
        shards[-1].append(tensor)
        filled += tensor.size
    return shards
