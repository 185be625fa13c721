"""One sample of a saved data set, read into a song."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sidestep_tui.dataset.beliefs import read_beliefs
from sidestep_tui.dataset.fields import FIELDS, Reading, read_record
from sidestep_tui.dataset.merge import build_song
from sidestep_tui.dataset.sidecars import timed
from sidestep_tui.dataset.song import INSTRUMENTAL, AudioInfo, DatasetMetadata, Finding, LyricTime, Song, Source
from sidestep_tui.told import told

# Worked out anew whenever a data set is read, or read here.
_OURS = frozenset({"audio_path", "path", "filename", "duration", "labeled", "lyric_times", "sources", "beliefs"})
_ALWAYS_WRITTEN = ("repeat", "held_out", "reviewed")
"""Fields that every saved sample has; their default says nothing."""
_MAY_BE_EMPTY = frozenset({"formatted_lyrics", "raw_lyrics"})
"""Members that every sample has for ACE-Step's builder and that say nothing when empty."""


def read_sample(
    record: Mapping[str, Any], key: str, path: Path, audio: AudioInfo, metadata: DatasetMetadata
) -> tuple[Song, tuple[Finding, ...]]:
    """Reads one sample. Length comes from the audio, never from the document.

    Args:
        record: the sample.
        key: of the song.
        path: of its audio.
        audio: what the audio's header says.
        metadata: of the data set: a sample that repeats its trigger tag has none of its own.
    """
    reading = read_record(
        {name: one for name, one in record.items() if name not in _OURS}, song=key, where=told("the data set")
    )
    reading, times = timed(_with_raw_lyrics(reading))
    extra = {name: one for name, one in reading.extra.items() if name not in _MAY_BE_EMPTY or one}
    values = dict(reading.values)
    if values.get("custom_tag") == metadata.custom_tag:
        values.pop("custom_tag", None)
    for name in _ALWAYS_WRITTEN:
        if values.get(name) == FIELDS[name].default:
            values.pop(name)
    sources = _saved_sources(record.get("sources"))
    if sources is not None and "is_instrumental" not in sources:
        values.pop("is_instrumental", None)  # written for ACE-Step's builder; nobody has said so
    said: dict[Source, Reading] = {Source.DATASET: Reading(values, extra)}
    song = build_song(
        key, path, audio, said, {Source.DATASET: _saved_times(record.get("lyric_times")) or times}, sources
    )
    guessed = {name for name, source in song.sources.items() if source in (Source.GUESSED, Source.PROVIDER)}
    beliefs = {name: one for name, one in read_beliefs(record.get("beliefs")).items() if name in guessed}
    return replace(song, beliefs=beliefs), reading.findings


def _with_raw_lyrics(reading: Reading) -> Reading:
    """ACE-Step's builder keeps lyrics in `raw_lyrics` while `lyrics` says `[Instrumental]`."""
    raw = reading.extra.get("raw_lyrics")
    if not isinstance(raw, str) or not raw.strip():
        return reading
    lyrics = str(reading.values.get("lyrics", ""))
    extra = {name: one for name, one in reading.extra.items() if name != "raw_lyrics"}
    if lyrics.casefold() in {"", INSTRUMENTAL.casefold()}:
        return Reading({**reading.values, "lyrics": raw}, extra, reading.findings)
    return reading if raw != lyrics else Reading(reading.values, extra, reading.findings)


def _saved_sources(written: Any) -> dict[str, Source] | None:
    """Where the fields came from when the data set was saved; None for a data set that another tool wrote."""
    if not isinstance(written, Mapping):
        return None
    known = {source.value for source in Source}
    return {name: Source(one) for name, one in written.items() if name in FIELDS and one in known}


def _saved_times(written: Any) -> tuple[LyricTime, ...]:
    if not isinstance(written, list):
        return ()
    pairs = [one for one in written if isinstance(one, list) and len(one) == 2]
    return tuple(
        LyricTime(float(seconds), line)
        for seconds, line in pairs
        if isinstance(seconds, int | float) and abs(seconds) < 1e6 and isinstance(line, str)
    )
