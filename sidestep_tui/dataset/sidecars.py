"""The text files beside a song, each read into what it says about the song's fields."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidestep_tui.dataset.fields import Reading, read_record
from sidestep_tui.dataset.folder import Folder
from sidestep_tui.dataset.lrc import Lyrics, parse_lyrics
from sidestep_tui.dataset.song import INSTRUMENTAL, Finding, LyricTime, Severity, Source
from sidestep_tui.dataset.text import clean_text, decode, printable
from sidestep_tui.told import told

Said = dict[Source, Reading]
"""What each source says about one song."""
_LARGEST = 4_000_000
"""Bytes: no lyrics, captions or labels of one song are longer."""


def read_sidecars(folder: Folder, audio_name: str, key: str) -> tuple[Said, dict[Source, tuple[LyricTime, ...]]]:
    """Reads everything beside one audio file.

    Returns:
        What each source says, and the line times of the lyrics by the source they stand in.
    """
    stem = audio_name.rpartition(".")[0]
    said: Said = {}
    times: dict[Source, tuple[LyricTime, ...]] = {}
    lyrics_source, lyrics_file = Source.LYRICS_FILE, folder.beside(stem, ".lyrics.txt")
    if lyrics_file is None:
        lyrics_source, lyrics_file = Source.TEXT_FILE, folder.beside(stem, ".txt")
    for source, file in ((lyrics_source, lyrics_file), (Source.LRC, folder.beside(stem, ".lrc"))):
        if file is not None:
            text, findings = read_text_file(file, key)
            said[source], times[source] = lyrics_reading(text, findings)
    caption_file = folder.beside(stem, ".caption.txt")
    if caption_file is not None:
        text, findings = read_text_file(caption_file, key)
        said[Source.CAPTION_FILE] = Reading({"caption": clean_text(text)} if clean_text(text) else {}, {}, findings)
    json_file = folder.beside(stem, ".json")
    if json_file is not None:
        said[Source.JSON], times[Source.JSON] = timed(_read_json(json_file, key))
    return said, {source: found for source, found in times.items() if found}


def lyrics_reading(text: str, findings: tuple[Finding, ...] = ()) -> tuple[Reading, tuple[LyricTime, ...]]:
    """What a text of lyrics says: the lyrics, or that there are none on purpose."""
    values, lyrics = _lyric_values(text)
    return Reading(values, {}, findings), lyrics.times


def timed(reading: Reading) -> tuple[Reading, tuple[LyricTime, ...]]:
    """A reading whose lyrics may carry times or be the placeholder for none, with both taken out."""
    text = reading.values.get("lyrics")
    if text is None:
        return reading, ()
    values, lyrics = _lyric_values(text)
    others = {name: value for name, value in reading.values.items() if name != "lyrics"}
    return Reading({**values, **others}, reading.extra, reading.findings), lyrics.times


def read_text_file(file: Path, song: str | None) -> tuple[str, tuple[Finding, ...]]:
    """A text file in any encoding; empty, with a finding, where it cannot be read."""
    try:
        if file.stat().st_size > _LARGEST:
            return "", (_too_large(file, song),)
        data = file.read_bytes()
    except OSError as error:
        reason = told("it cannot be read ({reason})", reason=error.strerror)
        return "", (_unreadable(file, reason, song, told("check its permissions")),)
    decoded = decode(data)
    if decoded.certain:
        return decoded.text, ()
    message = told(
        "{file} is not UTF-8; it was read as {encoding}.", file=printable(file.name), encoding=decoded.encoding
    )
    return decoded.text, (
        Finding(Severity.WARNING, "guessed-encoding", message, song, told("look at the text, and save it as UTF-8")),
    )


def parse_json(text: str) -> Any:
    """JSON from the outside.

    Raises:
        ValueError: with one sentence, for anything that is not JSON, however deep or long.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("not valid JSON: nested too deeply") from error


def _lyric_values(text: str) -> tuple[dict[str, Any], Lyrics]:
    lyrics = parse_lyrics(text)
    if lyrics.text.casefold() == INSTRUMENTAL.casefold():
        return {"is_instrumental": True}, Lyrics("")
    return ({"lyrics": lyrics.text} if lyrics.text else {}), lyrics


def _read_json(file: Path, key: str) -> Reading:
    text, findings = read_text_file(file, key)
    if findings and not text:
        return Reading({}, {}, findings)
    try:
        document = parse_json(text.removeprefix("\ufeff"))
    except ValueError as error:
        return Reading(
            {},
            {},
            (*findings, _unreadable(file, told("it is {problem}", problem=str(error)), key, told("correct the file"))),
        )
    if not isinstance(document, Mapping):
        fix = told('write {"caption": "…", "bpm": 120}')
        problem = _unreadable(file, told("it is not a JSON object with fields"), key, fix)
        return Reading({}, {}, (*findings, problem))
    reading = read_record(document, song=key, where=printable(file.name))
    return Reading(reading.values, reading.extra, (*findings, *reading.findings))


def _too_large(file: Path, song: str | None) -> Finding:
    reason = told("it is too large to be text about one song")
    return _unreadable(file, reason, song, told("remove or rename it"))


def _unreadable(file: Path, reason: str, song: str | None, fix: str) -> Finding:
    message = told("{file} is ignored: {reason}.", file=printable(file.name), reason=reason)
    return Finding(Severity.WARNING, "unreadable-sidecar", message, song, fix)
