"""What is in a model's safetensors files, read from their headers alone (no torch, no weights in memory)."""

import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from sidestep_tui.errors import SidestepError

_MAX_HEADER_BYTES = 100_000_000  # the format's own limit
_SAMPLE_BYTES = 64


@dataclass(frozen=True)
class TensorEntry:
    """One stored tensor: where it lies and what it looks like. `start` and `end` are byte offsets in the file."""

    file: Path
    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def parameters(self) -> int:
        """Number of elements."""
        return prod(self.shape)


def index_folder(folder: Path) -> dict[str, TensorEntry]:
    """All tensors of the one model in `folder`, stored as `STEM.safetensors` or as shards with an index.

    Raises:
        SidestepError: there are no weights, a shard is missing, or a file is damaged.
    """
    for stem in ("model", "diffusion_pytorch_model"):
        index = folder / f"{stem}.safetensors.index.json"
        if index.is_file():
            return _index_shards(index)
        single = folder / f"{stem}.safetensors"
        if single.is_file():
            return {entry.name: entry for entry in read_header(single)}
    raise SidestepError(
        "The folder holds no weights in safetensors format.",
        where=folder,
        fix="download the model again",
    )


def read_header(file: Path) -> list[TensorEntry]:
    """The tensors of one safetensors file, in the order of their names.

    Raises:
        SidestepError: the file is damaged or was not downloaded completely.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        prefix = stream.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else _MAX_HEADER_BYTES + 1
        if length > min(_MAX_HEADER_BYTES, size - 8):
            raise _damaged(file)
        try:
            header: dict[str, Any] = json.loads(stream.read(length))
            entries = [
                TensorEntry(
                    file,
                    name,
                    spec["dtype"],
                    tuple(spec["shape"]),
                    8 + length + spec["data_offsets"][0],
                    8 + length + spec["data_offsets"][1],
                )
                for name, spec in sorted(header.items())
                if name != "__metadata__"
            ]
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise _damaged(file) from error
    if any(entry.end > size for entry in entries):
        raise _damaged(file)
    return entries


def fingerprint(config: dict[str, Any], entries: Iterable[TensorEntry]) -> str:
    """A hash that tells weights apart without reading them all: the config, every tensor's name, type, shape and
    the first and middle 64 bytes of its data. Folder names and sharding do not enter.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    by_file: dict[Path, list[TensorEntry]] = {}
    for entry in entries:
        by_file.setdefault(entry.file, []).append(entry)
    samples: dict[str, bytes] = {}
    for file, tensors in by_file.items():
        with file.open("rb") as stream:
            for entry in tensors:
                head = f"{entry.name}:{entry.dtype}:{entry.shape}:".encode()
                for offset in (entry.start, (entry.start + entry.end) // 2):
                    stream.seek(offset)
                    head += stream.read(min(_SAMPLE_BYTES, entry.end - offset))
                samples[entry.name] = head
    for name in sorted(samples):
        digest.update(samples[name])
    return digest.hexdigest()


def _index_shards(index: Path) -> dict[str, TensorEntry]:
    try:
        weight_map: dict[str, str] = json.loads(index.read_text("utf-8"))["weight_map"]
        shards = sorted(set(weight_map.values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(index) from error
    missing = [name for name in shards if not (index.parent / name).is_file()]
    if missing:
        raise SidestepError(
            f"{len(missing)} of {len(shards)} weight files are missing: {', '.join(missing[:4])}.",
            where=index.parent,
            fix="download the model again",
        )
    return {entry.name: entry for name in shards for entry in read_header(index.parent / name)}


def _damaged(file: Path) -> SidestepError:
    return SidestepError(
        "The weights file is damaged or was not downloaded completely.",
        where=file,
        fix="delete it and download the model again",
    )
