"""The songs of a training run: which train, and which are held out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidestep_tui.acestep.flow import seeded_generator
from sidestep_tui.engine.tensors import Manifest, SongEntry
from sidestep_tui.errors import SidestepError

_SMALLEST_SET_WITH_VALIDATION: Final = 4


@dataclass(frozen=True, slots=True)
class Item:
    """One training sample of an epoch: a song, or one of its repeats."""

    song: SongEntry
    repeat: int = 0

    @property
    def key(self) -> str:
        """Names the sample in every random draw."""
        return self.song.key if self.repeat == 0 else f"{self.song.key}#{self.repeat}"


@dataclass(frozen=True, slots=True)
class Split:
    """Songs to train on, repeats included, and songs that are only measured."""

    training: tuple[Item, ...]
    validation: tuple[SongEntry, ...]


def split_songs(manifest: Manifest, folder: Path, held_out: int, seed: int) -> Split:
    """Holds songs out as a function of the seed, never all of them, and none of a very small set.

    A song that is in the data twice, in two folders or under two names, does not train while it is held out.

    Raises:
        SidestepError: the folder has no song.
    """
    songs = sorted(manifest.songs, key=lambda song: song.key)
    if not songs:
        raise SidestepError("The folder has no songs.", where=folder, fix="preprocess some with `sidestep preprocess`")
    import torch

    count = 0 if len(songs) < _SMALLEST_SET_WITH_VALIDATION else min(held_out, len(songs) // 2)
    order = torch.randperm(len(songs), generator=seeded_generator(seed, "validation split")).tolist()
    chosen = {songs[index].key for index in order[:count]}
    heard = {song.audio for song in songs if song.key in chosen}
    return Split(
        training=tuple(Item(song, n) for song in songs if song.audio not in heard for n in range(song.repeat)),
        validation=tuple(song for song in songs if song.key in chosen),
    )
