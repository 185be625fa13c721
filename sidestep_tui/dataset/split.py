"""Which songs are held out of training: a choice that is saved with the data set, and the same for every run on it."""

import hashlib

from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.song import Dataset


def hold_out(dataset: Dataset, count: int) -> tuple[Edit, ...]:
    """The edits after which so many songs are held out.

    Songs that are held out already stay so first; the others come in an order that looks drawn and hangs on their keys
    alone, so that a larger number adds songs and a smaller one takes some back.

    Args:
        dataset: the songs.
        count: how many; all but one at most, as something has to train.
    """
    drawn = sorted(dataset.songs, key=lambda song: (not song.held_out, hashlib.sha256(song.key.encode()).digest()))
    chosen = {song.key for song in drawn[: max(0, min(count, len(drawn) - 1))]}
    added = tuple(song.key for song in dataset.songs if song.key in chosen and not song.held_out)
    dropped = tuple(song.key for song in dataset.songs if song.key not in chosen and song.held_out)
    return tuple(Edit({"held_out": held}, keys) for held, keys in ((True, added), (False, dropped)) if keys)
