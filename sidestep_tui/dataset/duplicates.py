"""Copies among audio files: the same bytes, and the same recording in other bytes."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from sidestep_tui.dataset.fingerprint import decode, same_recordings
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.song import Song

_PIECE = 1 << 16


def same_content(songs: Iterable[Song]) -> list[tuple[str, ...]]:
    """Groups of songs whose files are the same byte for byte, as far as start, middle and end show.

    Only files of the same size are read; the same recording in two encodings is what `same_sound` finds.
    """
    by_size: dict[int, list[Song]] = defaultdict(list)
    for song in songs:
        by_size[song.audio.size].append(song)
    groups: dict[tuple[int, bytes], list[str]] = defaultdict(list)
    for size, alike in by_size.items():
        if len(alike) > 1:
            for song in alike:
                digest = _digest(song.audio_path, size)
                if digest is not None:
                    groups[size, digest].append(song.key)
    return [tuple(keys) for keys in groups.values() if len(keys) > 1]


def same_sound(songs: Iterable[Song], measures: MeasureCache) -> list[tuple[str, str, float]]:
    """Pairs of keys of songs that hold the same recording, each with the share of their fingerprints that differs.

    Format, level and a beginning that was cut off make no difference; nothing is decoded.
    """
    known = ((song.key, measures.known(song)) for song in songs)
    return same_recordings({key: decode(one.fingerprint) for key, one in known if one is not None})


def _digest(path: Path, size: int) -> bytes | None:
    """None for a file that is gone by now."""
    hashed = hashlib.blake2b()
    try:
        with path.open("rb") as file:
            for start in (0, max(0, size // 2 - _PIECE // 2), max(0, size - _PIECE)):
                file.seek(start)
                hashed.update(file.read(_PIECE))
    except OSError:
        return None
    return hashed.digest()
