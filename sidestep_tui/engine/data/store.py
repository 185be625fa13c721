"""Where the tensors of a run's songs live while it trains: in memory, on the device, or on disk, read crop by crop.

Whichever it is, the same bytes come out: residence decides how fast a sample is made, never what is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import torch
from torch import Tensor

from sidestep_tui.config.memory import load as memory_load
from sidestep_tui.config.train import Residence
from sidestep_tui.engine.data.manifest import SongEntry
from sidestep_tui.engine.data.tensors import read_all, read_parts
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.host_memory import host_memory

_MEMORY_SHARE: Final = 0.25


class EncodedSong(Protocol):
    """One song's tensors, wherever they are. Reading may raise SidestepError: gone, damaged, not a number."""

    @property
    def entry(self) -> SongEntry:
        """What the manifest says of it."""

    def latents(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Mean and deviation of the frames from `start` up to `stop`, each [stop - start, 64]."""

    def condition(self, tensor: str) -> Tensor:
        """A condition sequence [L, D] by its name in the song's file."""


@dataclass(frozen=True, slots=True)
class HeldSong:
    """A song whose tensors are all held, on the CPU or on the device."""

    entry: SongEntry
    tensors: dict[str, Tensor]

    def latents(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """See `EncodedSong`."""
        return self.tensors["latent_mean"][start:stop], self.tensors["latent_std"][start:stop]

    def condition(self, tensor: str) -> Tensor:
        """See `EncodedSong`."""
        return self.tensors[tensor]


@dataclass(frozen=True, slots=True)
class StreamedSong:
    """A song that stays on disk. Its file is mapped for each reading, so only the frames asked for become resident."""

    entry: SongEntry
    folder: Path

    def latents(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """See `EncodedSong`."""
        frames = slice(start, stop)
        parts = read_parts(self.folder, self.entry, {"latent_mean": frames, "latent_std": frames})
        return parts["latent_mean"], parts["latent_std"]

    def condition(self, tensor: str) -> Tensor:
        """See `EncodedSong`."""
        return read_parts(self.folder, self.entry, {tensor: slice(None)})[tensor]


class SongStore:
    """The songs of one run.

    Args:
        folder: what the songs' files are relative to.
        songs: all that may be asked for; their sizes decide what `auto` means.
        condition_size: width D of a condition token.
        residence: `auto` holds the set in memory when it fits into a quarter of what is free, and streams it otherwise.
        device: where `device` holds them.
    """

    def __init__(
        self,
        folder: Path,
        songs: Sequence[SongEntry],
        condition_size: int,
        residence: Residence = "auto",
        device: torch.device | None = None,
    ) -> None:
        self._folder = folder
        fits = stored_bytes(songs, condition_size) < host_memory().available * _MEMORY_SHARE
        self._held: dict[str, HeldSong] | None = (
            None if residence == "stream" or (residence == "auto" and not fits) else {}
        )
        self._device = device if residence == "device" and device is not None else torch.device("cpu")

    def get(self, song: SongEntry) -> EncodedSong:
        """A song's tensors; the first time, a song that is to be held is read whole.

        Raises:
            SidestepError: they cannot be read, or the device has no room for them.
        """
        if self._held is None:
            return StreamedSong(song, self._folder)
        if song.key not in self._held:
            self._held[song.key] = HeldSong(song, self._hold(read_all(self._folder, song)))
        return self._held[song.key]

    def _hold(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Copies of file-mapped tensors: a song that is held does not go to the disk again."""
        try:
            return {name: tensor.to(self._device, copy=True) for name, tensor in tensors.items()}
        except torch.OutOfMemoryError as error:
            raise SidestepError(
                "The songs do not fit on the device beside the model.",
                where="data.residence",
                fix="choose --data.residence memory",
            ) from error


def stored_bytes(songs: Sequence[SongEntry], condition_size: int) -> int:
    """What the songs take at most when all of them are held."""
    frames, tokens = sum(song.frames for song in songs), sum(song.all_condition_tokens for song in songs)
    return memory_load.stored_bytes(frames, tokens, condition_size)
