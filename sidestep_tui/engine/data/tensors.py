"""The folder that `preprocess` writes and every other job reads: songs as latents, texts as condition sequences.

    TENSORS/
      manifest.json              what it was made from, and the list of songs
      shared.safetensors         silence_latent [15000, 64], null_condition [1, D]
      songs/NAME.safetensors     latent_mean [T, 64], latent_std [T, 64], condition [L, D], further conditions

The list of songs has a module of its own, `manifest`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from sidestep_tui.engine.data.manifest import SongEntry
from sidestep_tui.engine.tensor_files import write_tensors
from sidestep_tui.errors import SidestepError


class SongTensors(TypedDict):
    """A song as it was encoded: latent_mean and latent_std [T, 64], condition [L, D]."""

    latent_mean: Tensor
    latent_std: Tensor
    condition: Tensor


class SharedTensors(TypedDict):
    """What all songs share: silence_latent [15000, 64], null_condition [1, D]."""

    silence_latent: Tensor
    null_condition: Tensor


def write_song(folder: Path, file: str, tensors: SongTensors, further: Mapping[str, Tensor] | None = None) -> None:
    """Writes one song's tensors, `further` condition sequences [L, D] by name among them, whole or not at all."""
    _save(folder / file, {**tensors, **(further or {})})


def write_shared(folder: Path, tensors: SharedTensors) -> None:
    """Writes what all songs share."""
    _save(folder / "shared.safetensors", tensors)


def read_all(folder: Path, song: SongEntry) -> dict[str, Tensor]:
    """All tensors of a song by their names: mapped from its file, and read through once.

    Raises:
        SidestepError: the file is gone, damaged or not of the size that the manifest says; it holds what is no number.
    """
    tensors = _load(folder / song.file, tuple(song.lengths), repr(song.key))
    _check_lengths(folder, song, {name: len(tensor) for name, tensor in tensors.items()})
    return tensors


def read_parts(folder: Path, song: SongEntry, parts: Mapping[str, slice]) -> dict[str, Tensor]:
    """Rows of a song's tensors by name, copied out of the file; no other byte of it is read.

    Raises:
        SidestepError: the file is gone, damaged or not of the size that the manifest says; rows are not numbers.
    """
    path = folder / song.file
    with _reading(path, repr(song.key)), safe_open(path, "pt") as stored:
        slices = {name: stored.get_slice(name) for name in parts}
        _check_lengths(folder, song, {name: part.get_shape()[0] for name, part in slices.items()})
        tensors = {name: slices[name][rows].clone() for name, rows in parts.items()}
    _check_numbers(path, tensors, repr(song.key))
    return tensors


def read_shared(folder: Path) -> SharedTensors:
    """What all songs of a folder share."""
    tensors = _load(folder / "shared.safetensors", ("silence_latent", "null_condition"), "the whole set")
    return SharedTensors(silence_latent=tensors["silence_latent"], null_condition=tensors["null_condition"])


def _save(path: Path, tensors: Mapping[str, object]) -> None:
    write_tensors(path, {name: value for name, value in tensors.items() if isinstance(value, Tensor)})


def _check_lengths(folder: Path, song: SongEntry, found: Mapping[str, int]) -> None:
    if any(found[name] != length for name, length in song.lengths.items() if name in found):
        raise SidestepError(
            f"The tensors of {song.key!r} are not those of the manifest.",
            where=folder / song.file,
            fix="preprocess again",
        )


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise SidestepError(
            f"The tensors of {what} cannot be read: {error}.", where=path, fix="preprocess again; whole songs are kept"
        ) from error


def _load(path: Path, names: tuple[str, ...], what: str) -> dict[str, Tensor]:
    with _reading(path, what):
        tensors = load_file(path)
    if missing := [name for name in names if name not in tensors]:
        raise SidestepError(
            f"Missing in the tensors of {what}: {', '.join(missing)}.", where=path, fix="preprocess again"
        )
    _check_numbers(path, {name: tensors[name] for name in names}, what)
    return tensors


def _check_numbers(path: Path, tensors: Mapping[str, Tensor], what: str) -> None:
    if bad := [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]:
        raise SidestepError(
            f"Not a number in the tensors of {what}: {', '.join(bad)}.", where=path, fix="preprocess the song again"
        )
