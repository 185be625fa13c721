"""Loudness, clipping, silence and the like of songs, measured once per file and remembered in the cache folder."""

import json
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sidestep_tui.config.places import cache_home
from sidestep_tui.dataset.measure import Measures, check_measures
from sidestep_tui.dataset.song import Dataset, Finding, Song

_VERSION = 1
_MEMBERS = frozenset(Measures.__dataclass_fields__)


class MeasureCache:
    """Measures by file, valid while its size and time of last change stay.

    One line is appended for each file measured, so a labelling that is cut off loses nothing. A cache that cannot be
    read or written costs time, nothing else.

    Args:
        folder: where it lies; by default the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = (folder or cache_home()) / f"measures-{_VERSION}.jsonl"
        self._lock = threading.Lock()
        self._known = _read(self._file)

    def known(self, song: Song) -> Measures | None:
        """The measures of a song as its file is now; None where it was not measured."""
        return self._known.get(_identity(song))

    def store(self, song: Song, measures: Measures) -> None:
        """Remembers the measures of a song; may be called from several threads."""
        identity = _identity(song)
        line = json.dumps({"file": list(identity), **asdict(measures)}) + "\n"
        with self._lock:
            self._known[identity] = measures
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with self._file.open("a", encoding="ascii") as file:
                    file.write(line)
            except OSError:
                return


def measured_findings(dataset: Dataset, measures: MeasureCache) -> list[Finding]:
    """What the measures already taken say about a data set; nothing is decoded."""
    known = ((song.key, measures.known(song)) for song in dataset.songs)
    return [finding for key, one in known if one is not None for finding in check_measures(key, one)]


_Identity = tuple[str, int, int]


def _identity(song: Song) -> _Identity:
    path = os.fsencode(song.audio_path.absolute()).decode("utf-8", "backslashreplace")
    return path, song.audio.size, song.audio.mtime_ns


def _read(file: Path) -> dict[_Identity, Measures]:
    try:
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    known: dict[_Identity, Measures] = {}
    for line in lines:
        try:
            entry: dict[str, Any] = json.loads(line)
            path, size, mtime = entry.pop("file")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # a crash tore the line
        if entry.keys() == _MEMBERS:
            known[path, size, mtime] = Measures(**entry)
    return known
