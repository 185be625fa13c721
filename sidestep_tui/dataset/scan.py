"""Reads a folder of songs into a data set: audio headers and tags, sidecars, tables, merged by precedence."""

from dataclasses import dataclass
from pathlib import Path

from sidestep_tui.config.places import expanded
from sidestep_tui.dataset.cue import not_as_it_stands
from sidestep_tui.dataset.fields import Reading, read_record
from sidestep_tui.dataset.folder import AUDIO_SUFFIXES, Folder, Walk
from sidestep_tui.dataset.merge import build_song
from sidestep_tui.dataset.probe import Probe, Progress, probe_files
from sidestep_tui.dataset.sidecars import read_sidecars, timed
from sidestep_tui.dataset.song import Dataset, DatasetMetadata, Failure, Finding, Song, Source
from sidestep_tui.dataset.tables import TABLE_SUFFIXES, Table, match_tables, read_table
from sidestep_tui.errors import SidestepError
from sidestep_tui.told import told

_BROKEN_AUDIO_FIX = "replace the file with one that plays, or remove it"


@dataclass(frozen=True, slots=True)
class _Found:
    """An audio file of the walk."""

    key: str
    path: Path
    folder: Folder


def scan_folder(root: Path, *, progress: Progress | None = None) -> Dataset:
    """Reads every song below a folder.

    Args:
        root: the folder.
        progress: called with files probed and files in all.

    Returns:
        The songs in order of their keys. What could not be read is in `failures`, what was odd in `findings`.

    Raises:
        SidestepError: the folder is missing, is no folder, or holds no audio file.
    """
    root = expanded(root)
    walk, folders = walk_songs(root)
    found = [_found(folder, name) for folder in folders for name in folder.audio]
    found.sort(key=lambda one: one.key)
    probes = probe_files((one.path for one in found), cache_name=root, progress=progress)
    rows, findings = match_tables(_tables(folders), (one.key for one in found))
    read = [_song(one, probes[one.path], rows.get(one.key)) for one in found]
    return Dataset(
        root=root,
        songs=tuple(song for song, _ in read if isinstance(song, Song)),
        metadata=DatasetMetadata(name=root.resolve().name or "untitled"),
        failures=(*walk.failures, *(failure for failure, _ in read if isinstance(failure, Failure))),
        findings=(
            *findings,
            *(finding for folder in folders for finding in not_as_it_stands(folder)),
            *(finding for _, noticed in read for finding in noticed),
        ),
    )


def walk_songs(root: Path) -> tuple[Walk, list[Folder]]:
    """A walk through a folder of songs, and the folders that it came through; no song is opened.

    Raises:
        SidestepError: the folder is missing, is no folder, or holds no audio file.
    """
    if not root.is_dir():
        what = "This is a file, not a folder of songs." if root.exists() else "The folder of songs does not exist."
        raise SidestepError(what, where=root, fix="give the folder that holds the audio files")
    walk = Walk(root)
    folders = list(walk.folders())
    if not any(folder.audio for folder in folders):
        raise _nothing_found(root, walk.failures)
    return walk, folders


def _song(one: _Found, probe: Probe, row: Reading | None) -> tuple[Song | Failure, list[Finding]]:
    if probe.audio is None:
        return Failure(one.key, probe.problem or "it cannot be read", _BROKEN_AUDIO_FIX), []
    said, times = read_sidecars(one.folder, one.path.name, one.key)
    if row is not None:
        said[Source.CSV], times[Source.CSV] = timed(row)
    if probe.tags:
        said[Source.TAGS], times[Source.TAGS] = timed(
            read_record(probe.tags, song=one.key, where=told("the audio file's tags"))
        )
    findings = [finding for reading in said.values() for finding in reading.findings]
    return build_song(one.key, one.path, probe.audio, said, times), findings


def _found(folder: Folder, name: str) -> _Found:
    return _Found(f"{folder.relative}/{name}" if folder.relative else name, folder.path / name, folder)


def _tables(folders: list[Folder]) -> list[Table]:
    return [
        read_table(folder.path / name, folder.relative)
        for folder in folders
        for name in folder.others.values()
        if name.lower().endswith(TABLE_SUFFIXES)
    ]


def _nothing_found(root: Path, failures: list[Failure]) -> SidestepError:
    if any(failure.key == "." for failure in failures):
        return SidestepError("The folder cannot be read.", where=root, fix="check its permissions")
    if failures:
        first = failures[0]
        what = f"The folder holds no audio files that can be read; {first.key}: {first.reason}."
        return SidestepError(what, where=root, fix=first.fix)
    suffixes = " ".join(sorted(suffix.removeprefix(".") for suffix in AUDIO_SUFFIXES))
    return SidestepError("The folder holds no audio files.", where=root, fix=f"put songs there: {suffixes}")
