"""Length buckets: songs of like length share a micro-batch, so that little of it is padding."""

from collections.abc import Sequence

import torch

from sidestep_tui.engine.data.batches import epoch_batches
from sidestep_tui.engine.data.manifest import SongEntry
from sidestep_tui.engine.data.songs import Item

BATCH = 4


def library(count: int) -> list[Item]:
    """Songs of one to five minutes."""
    lengths = torch.randint(1500, 7500, (count,), generator=torch.Generator().manual_seed(5)).tolist()
    return [Item(SongEntry(f"{n}.wav", "", frames, 1, "", 0.0, "", "")) for n, frames in enumerate(lengths)]


def padding(batches: Sequence[Sequence[Item]]) -> float:
    """Share of the frames in an epoch's micro-batches that no song fills."""
    whole = sum(len(batch) * max(item.song.frames for item in batch) for batch in batches)
    return 1 - sum(item.song.frames for batch in batches for item in batch) / whole


def test_little_of_an_epoch_is_padding() -> None:
    items = library(200)
    plain = padding([items[start : start + BATCH] for start in range(0, len(items), BATCH)])
    shares = [padding(epoch_batches(items, BATCH, 42, epoch)) for epoch in range(10)]
    assert plain > 0.25
    assert max(shares) < 0.08
    assert sum(shares) / len(shares) < plain / 4


def test_songs_that_all_fit_into_one_bucket_come_in_another_order_every_epoch() -> None:
    items = library(20)
    firsts = {tuple(batch[0].key for batch in epoch_batches(items, BATCH, 42, epoch)) for epoch in range(4)}
    assert len(firsts) == 4


def test_every_song_comes_once_and_neighbours_change() -> None:
    items = library(50)
    epochs = [epoch_batches(items, BATCH, 42, epoch) for epoch in range(3)]
    for batches in epochs:
        assert sorted(item.key for batch in batches for item in batch) == sorted(item.key for item in items)
        assert sorted(map(len, batches)) == [2] + [4] * 12
    assert epochs[0] == epoch_batches(items, BATCH, 42, 0)
    groups = [{frozenset(item.key for item in batch) for batch in batches} for batches in epochs]
    assert len(groups[0] & groups[1]) < 4
    first_lengths = [[batch[0].song.frames for batch in batches] for batches in epochs]
    assert all(lengths != sorted(lengths) for lengths in first_lengths)  # an epoch does not go from short to long
