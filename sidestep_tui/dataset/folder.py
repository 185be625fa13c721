"""Walks a folder of songs: which audio files it holds, and which text files lie beside each of them."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sidestep_tui.dataset.song import Failure
from sidestep_tui.dataset.text import comparable_name, printable

AUDIO_SUFFIXES = frozenset(
    {".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".mka", ".aac", ".aiff", ".aif", ".wma", ".wv", ".ape"}
)
OTHER_MEDIA = frozenset(
    {".mp4", ".webm", ".mkv", ".mov", ".avi", ".mpc", ".tta", ".dsf", ".dff", ".ac3", ".amr", ".caf", ".au", ".mid"}
)
"""Files with sound that are no songs here: films, and kinds that nobody's collection needs read without being asked."""
_NOT_MUSIC = frozenset({"node_modules", "__pycache__", "site-packages"})
_ENVIRONMENT_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder of the walk."""

    path: Path
    relative: str
    """Path below the root with forward slashes; empty for the root."""
    audio: tuple[str, ...]
    """Names of audio files, sorted."""
    others: Mapping[str, str]
    """Names of all other files by their comparable form (`text.comparable_name`)."""

    def beside(self, stem: str, suffix: str) -> Path | None:
        """The file called `stem + suffix` in any case and Unicode form."""
        name = self.others.get(comparable_name(stem + suffix))
        return None if name is None else self.path / name


@dataclass(slots=True)
class Walk:
    """A walk through a folder; what could not be entered is collected in `failures`."""

    root: Path
    failures: list[Failure] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def folders(self) -> Iterator[Folder]:
        """Folders in order of their names, without hidden and environment folders, links in circles cut."""
        pending = [(self.root, "")]
        while pending:
            path, relative = pending.pop()
            try:
                status = path.stat()
                if (status.st_dev, status.st_ino) in self._seen:
                    continue
                self._seen.add((status.st_dev, status.st_ino))
                with os.scandir(path) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self._failed(relative or ".", f"the folder cannot be read ({error.strerror})", "check its permissions")
                continue
            if relative and any(entry.name in _ENVIRONMENT_MARKS for entry in listed):
                continue
            folder, below = self._sort_out(path, relative, listed)
            yield folder
            pending += reversed(below)

    def _sort_out(
        self, path: Path, relative: str, entries: list[os.DirEntry[str]]
    ) -> tuple[Folder, list[tuple[Path, str]]]:
        audio: list[str] = []
        others: dict[str, str] = {}
        real: list[tuple[Path, str]] = []
        linked: list[tuple[Path, str]] = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _NOT_MUSIC:
                continue
            below = f"{relative}/{entry.name}" if relative else entry.name
            if not _is_unicode(entry.name):
                self._failed(printable(below), "the file's name is not valid UTF-8", "rename it")
            elif _leads_to_folder(entry):
                (linked if entry.is_symlink() else real).append((path / entry.name, below))
            elif os.path.splitext(entry.name)[1].lower() in AUDIO_SUFFIXES:  # noqa: PTH122 - no Path per file
                audio.append(entry.name)
            else:
                others[comparable_name(entry.name)] = entry.name
        # Real folders first, so that a link to a sibling does not take its songs away from it.
        return Folder(path, relative, tuple(audio), others), real + linked

    def _failed(self, key: str, reason: str, fix: str) -> None:
        self.failures.append(Failure(key, reason, fix))


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    """False also for a link to itself, or into a folder that may not be entered (os raises)."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_unicode(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
