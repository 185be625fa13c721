"""Loudness, clipping, silence and the like of songs, measured once per file and remembered in the cache folder."""

import json
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sidestep_tui.config.places import cache_home
from sidestep_tui.dataset.measure import Measures
from sidestep_tui.dataset.song import Song

_VERSION = 4
_MEMBERS = frozenset(Measures.__dataclass_fields__)


class MeasureCache:
    """Measures by file, valid while its size and time of last change stay.

    One line is appended for each file measured, so a labelling that is cut off loses nothing. A cache that cannot be
    read or written costs time, nothing else. The file is read when it is first needed.

    Args:
        folder: where it lies; by default the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = (folder or cache_home()) / f"measures-{_VERSION}.jsonl"
        self._lock = threading.Lock()
        self._known: dict[_Identity, Measures] | None = None

    def known(self, song: Song) -> Measures | None:
        """The measures of a song as its file is now; None where it was not measured."""
        return self._read_once().get(_identity(song))

    def refresh(self) -> None:
        """Takes over what another process has measured meanwhile."""
        with self._lock:
            self._known = None

    def store(self, song: Song, measures: Measures) -> None:
        """Remembers the measures of a song; may be called from several threads."""
        identity = _identity(song)
        known = self._read_once()
        line = json.dumps({"file": list(identity), **asdict(measures)}) + "\n"
        with self._lock:
            known[identity] = measures
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with self._file.open("a", encoding="ascii") as file:
                    file.write(line)
            except OSError:
                return

    def _read_once(self) -> "dict[_Identity, Measures]":
        with self._lock:
            if self._known is None:
                self._known = _read(self._file)
            return self._known


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
