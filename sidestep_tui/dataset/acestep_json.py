"""The saved data set is ACE-Step 1.5's dataset JSON: its own builder opens what we save, and we what it saves.

Our own members (`path`, `captions`, `repeat`, `trim_start`, `trim_end`, `gain_db`, `held_out`, `lyric_times`,
`sources`, `beliefs`, and in the metadata `root`, `trim_silence`, `normalization`, `target_lufs`) are ones that its
builder skips; members of other tools are kept and written back, those of songs whose audio is missing too.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sidestep_tui.config.places import is_folder, is_there
from sidestep_tui.dataset import DATASET_FILE
from sidestep_tui.dataset.captions import MEMBER, paragraphs
from sidestep_tui.dataset.document import Document, read_document, read_metadata
from sidestep_tui.dataset.effective import effective_lyrics, is_instrumental
from sidestep_tui.dataset.fields import FIELDS, field_named
from sidestep_tui.dataset.probe import Progress, probe_files
from sidestep_tui.dataset.resolve import find_audio, song_key
from sidestep_tui.dataset.samples import read_sample
from sidestep_tui.dataset.sidecars import parse_json
from sidestep_tui.dataset.song import Dataset, Failure, SavedState, Song, Source
from sidestep_tui.dataset.text import decode, printable
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_bytes_atomic

_PATH_MEMBERS = ("path", "audio_path", "file_path", "audio", "file", "filename", "file_name")


@dataclass(frozen=True, slots=True)
class _Located:
    record: Mapping[str, Any]
    path: Path
    key: str


def read_dataset_file(file: Path, *, progress: Progress | None = None) -> Dataset:
    """Reads a saved data set.

    Args:
        file: the JSON document, in any of the three forms.
        progress: called with audio files probed and in all.

    Raises:
        SidestepError: the file is missing, is no JSON or is no data set.
    """
    data = _read_bytes(file)
    document = _parse(data, file)
    metadata, findings = read_metadata(document.metadata)
    base = file.absolute().parent
    root = _root(metadata.extra.get("root"), base)
    metadata = replace(metadata, extra={name: one for name, one in metadata.extra.items() if name != "root"})
    located, failures = _locate(document.samples, root, base)
    probes = probe_files((one.path for one in located), cache_name=file, progress=progress)
    songs: list[Song] = []
    for one in located:
        probe = probes[one.path]
        if probe.audio is None:
            fix = "replace the file with one that plays, or remove it"
            failures.append(Failure(one.key, probe.problem or "it cannot be read", fix, one.record))
            continue
        song, noticed = read_sample(one.record, one.key, one.path, probe.audio, metadata)
        songs.append(song)
        findings += noticed
    return Dataset(
        root=root,
        songs=tuple(sorted(songs, key=lambda song: song.key)),
        metadata=metadata,
        failures=tuple(failures),
        findings=tuple(findings),
        saved=SavedState(file.absolute(), _digest(data)),
        extra=document.extra,
    )


def save_dataset(dataset: Dataset, path: Path, *, overwrite: bool = False) -> Dataset:
    """Writes a data set whole or not at all; what stood there before becomes `NAME.bak`.

    Args:
        dataset: what to write.
        path: the JSON file, or a folder, which then gets `dataset.json`.
        overwrite: replace a file that this data set was not read from, or that has changed since it was.

    Returns:
        The data set as saved: it remembers the file, so that saving again is checked against it.

    Raises:
        SidestepError: the file changed since it was read, or cannot be written.
    """
    path = (path / DATASET_FILE if is_folder(path) else path).absolute()
    before = check_target(dataset, path, overwrite=overwrite)
    created = dataset.metadata.created_at or datetime.now(UTC).replace(microsecond=0).isoformat()
    dataset = replace(dataset, metadata=replace(dataset.metadata, created_at=created))
    data = _encoded(_document(dataset, path.parent))
    if before is not None:
        write_bytes_atomic(path.with_name(f"{path.name}.bak"), before)
    write_bytes_atomic(path, data)
    return replace(dataset, saved=SavedState(path, _digest(data)), replayed=())


def check_target(dataset: Dataset, path: Path, *, overwrite: bool = False) -> bytes | None:
    """What `save_dataset` would replace; raises what that would. Asked before long work that is to be saved."""
    path = (path / DATASET_FILE if is_folder(path) else path).absolute()
    before = _read_bytes(path) if is_there(path) else None
    if before is None or overwrite:
        return before
    if dataset.saved is None or dataset.saved.path != path:
        raise SidestepError(
            "A file with this name exists, and this data set was not read from it.",
            where=path,
            fix="open that file, not its folder, to go on with it; or choose another name, or overwrite it",
        )
    if dataset.saved.digest != _digest(before):
        raise SidestepError(
            "The data set was changed by another session since it was read.",
            where=path,
            fix="save under another name, or overwrite it (the other version stays as .bak)",
        )
    return before


def changed_since_read(dataset: Dataset) -> bool:
    """Whether another session has written the file that this data set was read from."""
    if dataset.saved is None:
        return False
    try:
        return _digest(dataset.saved.path.read_bytes()) != dataset.saved.digest
    except OSError:
        return True


def _document(dataset: Dataset, folder: Path) -> dict[str, Any]:
    metadata = dataset.metadata
    kept = [dict(failure.record) for failure in dataset.failures if failure.record is not None]
    samples = [_sample(song, dataset) for song in dataset.songs] + kept
    return {
        "metadata": {
            **metadata.extra,
            "name": metadata.name,
            "custom_tag": metadata.custom_tag,
            "tag_position": metadata.tag_position,
            "created_at": metadata.created_at,
            "num_samples": len(samples),
            "all_instrumental": metadata.all_instrumental,
            "genre_ratio": metadata.genre_ratio,
            "trim_silence": metadata.trim_silence,
            "normalization": metadata.normalization,
            "target_lufs": metadata.target_lufs,
            "root": song_key(dataset.root.absolute(), folder),
        },
        "samples": samples,
        **dataset.extra,
    }


def _sample(song: Song, dataset: Dataset) -> dict[str, Any]:
    """One song as ACE-Step's builder reads it: absolute path, whole seconds, the trigger tag in the sample."""
    raw = song.extra.get("raw_lyrics") if song.source("lyrics") != Source.EDITED else None
    written: dict[str, Any] = {
        **{name: value for name, value in song.extra.items() if field_named(name) is None},
        "id": song.extra.get("id") or hashlib.sha256(song.key.encode()).hexdigest()[:8],
        "audio_path": str(song.audio_path.absolute()),
        "path": song.key,
        "filename": song.audio_path.name,
        "duration": int(song.duration),
        **{name: getattr(song, name) for name in FIELDS},
        **_captions(song),
        "lyrics": effective_lyrics(song, dataset.metadata),
        "raw_lyrics": raw or song.lyrics,
        "formatted_lyrics": song.extra.get("formatted_lyrics", ""),
        "is_instrumental": is_instrumental(song, dataset.metadata) or not song.lyrics,
        "custom_tag": song.custom_tag or dataset.metadata.custom_tag,
        "labeled": bool(song.caption or song.genre),
        "lyric_times": [[time.seconds, time.line] for time in song.lyric_times],
        "sources": {name: source.value for name, source in song.sources.items()},
        "beliefs": {name: belief.as_dict() for name, belief in song.beliefs.items()},
    }
    for name, value in song.extra.items():  # a value that nobody could read stays until somebody sets the field
        target = field_named(name)
        if target is not None and getattr(song, target.name) == target.default:
            written[name] = value
    return written


def _captions(song: Song) -> dict[str, tuple[str, ...]]:
    """The wordings of a caption that has several, in the member where other tools look for them."""
    several = paragraphs(song.caption)
    return {MEMBER: several} if len(several) > 1 and MEMBER not in song.extra else {}


def _locate(samples: tuple[Mapping[str, Any], ...], root: Path, base: Path) -> tuple[list[_Located], list[Failure]]:
    located: dict[str, _Located] = {}
    failures: list[Failure] = []
    for place, record in enumerate(samples, 1):
        written = [text for name in _PATH_MEMBERS if isinstance(text := record.get(name), str)]
        path = find_audio(written, (root, base))
        name = printable(written[0]) if written else f"sample {place}"
        if path is None:
            fix = "put the audio beside the data set, or correct audio_path"
            failures.append(Failure(name, "its audio file is not there", fix, record))
        elif (key := song_key(path, root)) in located:
            failures.append(Failure(name, "the same audio is listed twice", "remove one of the two samples", record))
        else:
            located[key] = _Located(record, path, key)
    return list(located.values()), failures


def _root(written: Any, base: Path) -> Path:
    if isinstance(written, str) and "\0" not in written and is_folder(base / written):
        return Path(base / written).resolve()
    return base


def _read_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise SidestepError(
            "The data set does not exist.", where=file, fix="give a folder or a dataset JSON"
        ) from error
    except OSError as error:
        what = f"The data set cannot be read ({error.strerror})."
        raise SidestepError(what, where=file, fix="check its permissions") from error


def _encoded(document: dict[str, Any]) -> bytes:
    """JSON as UTF-8; a document with half characters, which JSON can hold and UTF-8 cannot, is escaped throughout."""
    try:
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        return (json.dumps(document, indent=2) + "\n").encode("ascii")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _parse(data: bytes, file: Path) -> Document:
    try:
        return read_document(parse_json(decode(data).text.removeprefix("\ufeff")))
    except ValueError as error:
        fix = 'an ACE-Step dataset JSON looks like {"metadata": {…}, "samples": [{"audio_path": …}]}'
        raise SidestepError(f"This is no data set: {error}.", where=printable(str(file)), fix=fix) from error
