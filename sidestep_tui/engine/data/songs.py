"""The songs of a training run: which train, and which are held out."""

from dataclasses import dataclass
from pathlib import Path

from sidestep_tui.acestep.flow import seeded_generator
from sidestep_tui.config.train import songs_drawn
from sidestep_tui.engine.data.manifest import Manifest, SongEntry
from sidestep_tui.errors import SidestepError


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
    """Holds out the songs that the data set marks; where it marks none, draws some as a function of the seed.

    At most half of them are drawn, and none of a very small set. A song that is in the data twice, in two folders or
    under two names, does not train while it is held out.

    Args:
        manifest: the songs.
        folder: where they lie, for errors.
        held_out: how many to draw; what the data set marks needs no number.
        seed: of the draw.

    Raises:
        SidestepError: the folder has no song, or every song is held out.
    """
    songs = sorted(manifest.songs, key=lambda song: song.key)
    if not songs:
        raise SidestepError("The folder has no songs.", where=folder, fix="preprocess some with `sidestep preprocess`")
    chosen = {song.key for song in songs if song.held_out} or _drawn(songs, held_out, seed)
    heard = {song.audio for song in songs if song.key in chosen}
    training = tuple(Item(song, n) for song in songs if song.audio not in heard for n in range(song.repeat))
    if not training:
        fix = "let a song train: set its held_out to no in the data set, and preprocess again"
        raise SidestepError("Every song is held out of training.", where=folder, fix=fix)
    return Split(training, validation=tuple(song for song in songs if song.key in chosen))


def _drawn(songs: list[SongEntry], held_out: int, seed: int) -> set[str]:
    import torch

    count = songs_drawn(held_out, len(songs))
    order = torch.randperm(len(songs), generator=seeded_generator(seed, "validation split")).tolist()
    return {songs[index].key for index in order[:count]}
