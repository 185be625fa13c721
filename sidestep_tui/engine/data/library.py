"""One or several tensor folders as one data set, and how much of every epoch each of them gets."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor
from typing import Final

import torch

from sidestep_tui.acestep.flow import seeded_generator
from sidestep_tui.config.train import DataSettings
from sidestep_tui.engine.data.manifest import Manifest, SongEntry, read_manifest
from sidestep_tui.engine.data.songs import Item
from sidestep_tui.errors import SidestepError

_BETWEEN: Final = "//"
"""Stands between the number of a further folder and a song's key; no key of a song holds it."""


def read_library(data: DataSettings) -> Manifest:
    """The songs of all folders. Those of the first keep their keys, those of the n-th become `n//key`.

    Files of further folders become absolute; the fingerprint covers keys and contents and no path.

    Raises:
        SidestepError: a folder cannot be read, is named twice, or was made with another model than the first.
    """
    manifest = read_manifest(data.tensors)
    seen = {data.tensors.resolve()}
    songs = list(manifest.songs)
    for number, folder in enumerate(data.more_tensors, start=2):
        other = read_manifest(folder)
        if folder.resolve() in seen:
            raise SidestepError("The folder is named twice.", where=folder, fix="raise its weight in data.weights")
        seen.add(folder.resolve())
        if (other.model, other.condition_size) != (manifest.model, manifest.condition_size):
            raise SidestepError(
                f"The folders were made with different models ({manifest.variant} and {other.variant}).",
                where=folder,
                fix=f"preprocess its songs with the model of {data.tensors}",
            )
        songs += [
            replace(song, key=f"{number}{_BETWEEN}{song.key}", file=str((folder / song.file).absolute()))
            for song in other.songs
        ]
    return replace(manifest, songs=tuple(songs))


def folder_number(song: SongEntry) -> int:
    """Which of the folders a song is from, counted from 1."""
    number, between, _ = song.key.partition(_BETWEEN)
    return int(number) if between else 1


@dataclass(frozen=True, slots=True)
class Mixture:
    """The samples of every epoch, as a function of (seed, epoch).

    Attributes:
        items: everything that is trained on.
        seed: of the run.
        counts: samples of an epoch by folder number; None takes everything once.
    """

    items: tuple[Item, ...]
    seed: int = 0
    counts: tuple[tuple[int, int], ...] | None = None

    @classmethod
    def weighted(cls, items: tuple[Item, ...], weights: Sequence[float], seed: int) -> "Mixture":
        """An epoch as long as all items together, of which each folder gets a share by its weight.

        Args:
            items: of all folders.
            weights: one for each folder; none takes everything once.
            seed: of the run.

        Raises:
            SidestepError: a weight is so small that its folder would never be seen.
        """
        if not weights:
            return cls(items, seed)
        numbers = sorted({folder_number(item.song) for item in items})
        total = sum(weights[number - 1] for number in numbers)
        exact = {number: len(items) * weights[number - 1] / total for number in numbers}
        counts = {number: floor(share) for number, share in exact.items()}
        missing = len(items) - sum(counts.values())
        for number in sorted(numbers, key=lambda number: (counts[number] - exact[number], number))[:missing]:
            counts[number] += 1  # the largest remainders first
        if unseen := [number for number, count in counts.items() if count == 0]:
            raise SidestepError(
                f"The weight of folder {unseen[0]} gives it none of the {len(items)} samples of an epoch.",
                where="data.weights",
                fix="raise it",
            )
        return cls(items, seed, tuple(sorted(counts.items())))

    def __len__(self) -> int:
        """Samples in every epoch."""
        return len(self.items)

    def epoch(self, epoch: int) -> tuple[Item, ...]:
        """The samples of an epoch. A folder's share goes on where it ended in the epoch before, pass after pass in a
        new order, so that over the epochs all of its samples are seen equally often."""
        if self.counts is None:
            return self.items
        return tuple(item for number, count in self.counts for item in self._share(number, count, epoch))

    def _share(self, number: int, count: int, epoch: int) -> list[Item]:
        items = [item for item in self.items if folder_number(item.song) == number]
        share: list[Item] = []
        for turn in range(epoch * count // len(items), -(-(epoch + 1) * count // len(items))):
            order = torch.randperm(len(items), generator=seeded_generator(self.seed, "mixture", number, turn)).tolist()
            begins = turn * len(items)
            first, after = max(epoch * count - begins, 0), min((epoch + 1) * count - begins, len(items))
            share += [items[index] for index in order[first:after]]
        return _told_apart(share)


def _told_apart(items: Sequence[Item]) -> list[Item]:
    """Items of which some occur several times, as repeats with draws of their own."""
    before: Counter[str] = Counter()
    apart: list[Item] = []
    for item in items:
        apart.append(Item(item.song, item.repeat + before[item.key] * item.song.repeat))
        before[item.key] += 1
    return apart
