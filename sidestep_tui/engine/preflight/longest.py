"""The steps of a run that take most memory: its longest songs or crops, and its longest conditions."""

from dataclasses import replace
from typing import NamedTuple

from sidestep_tui.engine.data.batches import Drawing, condition_of, crop_window, draw_wording
from sidestep_tui.engine.data.songs import Item
from sidestep_tui.engine.training.plan import Step
from sidestep_tui.engine.training.setup import EncodedSongs


class _Size(NamedTuple):
    """What a sample takes in the epoch in which it is told at the greatest length."""

    item: Item
    epoch: int
    frames: int
    tokens: int


def longest_steps(songs: EncodedSongs, ranks: int, batch_size: int) -> tuple[Step, ...]:
    """A step whose micro-batches hold the longest latents, and one that holds the longest conditions.

    Every rank gets one micro-batch of each step. Both kinds of length meet in one batch where it holds several songs.
    """
    sizes = [_size(songs.drawing, item) for item in songs.split.training]
    by_frames = sorted(sizes, key=lambda size: (size.frames, size.tokens), reverse=True)
    by_tokens = sorted(sizes, key=lambda size: (size.tokens, size.frames), reverse=True)
    if batch_size > 1:
        rest = [size for size in by_frames if size.item != by_tokens[0].item]
        chosen = [[by_tokens[0], *rest[: batch_size - 1]]]
    else:
        chosen = [[by_frames[0]], [by_tokens[0]]]
    return tuple(
        Step(number, sizes[0].epoch, False, (tuple(size.item for size in sizes),) * ranks)
        for number, sizes in enumerate(chosen, start=1)
    )


def always_told(songs: EncodedSongs) -> EncodedSongs:
    """The songs without condition dropout: a dropped condition is one token long."""
    objective = songs.drawing.objective.model_copy(update={"condition_dropout": 0.0})
    return replace(songs, drawing=replace(songs.drawing, objective=objective))


def _size(drawing: Drawing, item: Item) -> _Size:
    song = item.song
    wordings = 1 + max((entry.wording for entry in song.further), default=0)
    sizes = []
    for epoch in range(wordings):
        start, stop = crop_window(drawing, epoch, item.key, song)
        told = condition_of(song, start, stop, draw_wording(drawing, epoch, item.key, song))
        sizes.append(_Size(item, epoch, stop - start, song.lengths[told]))
    return max(sizes, key=lambda size: size.tokens)
