"""Many songs from one file: prompts as JSON lines or as text, or a data set's own captions."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.layers import problems_of
from sidestep_tui.dataset.audio import check_writable
from sidestep_tui.dataset.effective import genre_songs
from sidestep_tui.dataset.prompts import as_the_model_reads, song_fields
from sidestep_tui.dataset.session import load_dataset
from sidestep_tui.dataset.text import safe_name
from sidestep_tui.errors import SidestepError, UsageError

_FACTS: Final = ("lyrics", "language", "bpm", "keyscale", "timesignature", "duration")
FIELDS: Final = ("prompt", *_FACTS, "seed")
"""What a file may say of a song, besides its `name`."""

_BETWEEN_SONGS: Final = re.compile(r"^---+[ \t]*$", re.MULTILINE)
_FIELD: Final = re.compile(rf"^(name|{'|'.join(FIELDS)})[ \t]*:[ \t]*(.*)$")

Entry = tuple[str, dict[str, Any]]
"""Where a song stands in the file, and what is said of it."""


@dataclass(frozen=True, slots=True)
class PlannedSong:
    """One song to make: what people call it, and its own settings."""

    name: str
    settings: GenerateSettings

    def facts_beyond(self, shared: GenerateSettings) -> dict[str, Any]:
        """What the song is told otherwise than the settings that all songs of the job share."""
        own, others = self.settings.model_dump(), shared.model_dump()
        return {field: own[field] for field in _FACTS if own[field] != others[field]}


def plan_songs(settings: GenerateSettings) -> list[PlannedSong]:
    """The songs that a job makes, each with an output of its own.

    Raises:
        UsageError: a song in the file is not valid (the error says which), or an output is the source or none that a
            song can have.
        SidestepError: the file or the data set cannot be read.
    """
    songs = _one_song(settings) if settings.prompts is None else _many_songs(settings, settings.prompts)
    _keep_source(songs, settings.source)
    return songs


def _one_song(settings: GenerateSettings) -> list[PlannedSong]:
    check_writable(settings.output)
    return [PlannedSong(settings.output.name, _as_the_model_reads(settings))]


def _many_songs(settings: GenerateSettings, prompts: Path) -> list[PlannedSong]:
    if settings.output.is_file():
        raise UsageError("The songs' folder is a file.", where=settings.output, fix="name a new folder, or one")
    entries = list(_entries(prompts))
    if not entries:
        raise UsageError("The file holds no prompts.", where=prompts, fix="write one song on each line")
    digits = max(2, len(str(len(entries))))
    return [
        _planned(settings, where, fields, f"{place:0{digits}d}") for place, (where, fields) in enumerate(entries, 1)
    ]


def _keep_source(songs: list[PlannedSong], source: Path | None) -> None:
    if source is None or not source.exists():
        return
    for output in (song.settings.output for song in songs):
        if output.exists() and output.samefile(source):
            raise UsageError("The song would take the place of its source.", where=output, fix="choose another output")


def _planned(settings: GenerateSettings, where: str, fields: dict[str, Any], number: str) -> PlannedSong:
    if unknown := fields.keys() - {"name", *FIELDS}:
        raise UsageError(
            f"Nothing about a song is called {sorted(unknown)[0]!r}.",
            where=f"{settings.prompts}, {where}",
            fix=f"use: name, {', '.join(FIELDS)}",
        )
    prompt = fields.get("prompt") or settings.prompt
    if not str(prompt).strip():
        raise UsageError(
            "The song has no prompt.",
            where=f"{settings.prompts}, {where}",
            fix="write one (in a data set: its caption), or give --prompt, which stands for those that have none",
        )
    name = str(fields.get("name") or prompt)
    output = settings.output / f"{number}-{safe_name(name)}.{settings.format}"
    own = {key: value for key, value in fields.items() if key != "name"}
    if isinstance(own.get("timesignature"), int):  # `4` is as good as `"4"`
        own["timesignature"] = str(own["timesignature"])
    document = {**settings.model_dump(), **own, "prompt": prompt, "prompts": None, "output": output}
    if problems := problems_of(GenerateSettings, document):
        raise UsageError(
            "; ".join(p.told for p in problems),
            where=f"{settings.prompts}, {where}",
            fix="correct the song in the file",
        )
    try:
        return PlannedSong(f"{number} {name}", _as_the_model_reads(GenerateSettings.model_validate(document)))
    except UsageError as error:
        raise UsageError(f"{error.where}: {error.what}", where=f"{settings.prompts}, {where}", fix=error.fix) from error


def _as_the_model_reads(settings: GenerateSettings) -> GenerateSettings:
    said = as_the_model_reads(settings.model_dump())
    return settings.model_copy(update={**said, "language": said["language"] or "unknown"})


def _entries(path: Path) -> Iterator[Entry]:
    if path.is_dir() or (path.suffix.lower() == ".json" and not _is_list(path)):
        yield from _data_set(path)
    elif path.suffix.lower() == ".json":
        yield from _objects(path)
    elif path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _json_lines(path)
    else:
        yield from _text(_read(path))


def _is_list(path: Path) -> bool:
    """A list of songs, as opposed to a saved data set."""
    return _read(path).lstrip().startswith("[")


def _objects(path: Path) -> Iterator[Entry]:
    try:
        document = json.loads(_read(path))
    except ValueError as error:
        raise UsageError(f"The file is no JSON: {error}.", where=path, fix="write a list of objects") from error
    for place, one in enumerate(document, 1):
        if not isinstance(one, dict):
            raise UsageError("A song is not an object.", where=f"{path}, song {place}", fix='write {"prompt": "…"}')
        yield f"song {place}", one


def _json_lines(path: Path) -> Iterator[Entry]:
    for place, line in enumerate(_read(path).split("\n"), 1):  # JSON may hold other line ends as they are
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except ValueError as error:
            raise UsageError(
                f"The line is no JSON: {error}.", where=f"{path}, line {place}", fix="write one object on each line"
            ) from error
        if not isinstance(document, dict):
            raise UsageError("The line is no object.", where=f"{path}, line {place}", fix='write {"prompt": "…"}')
        yield f"line {place}", document


def _text(text: str) -> Iterator[Entry]:
    """A prompt on each line; or blocks between lines of `---` with `field: value` lines, the lyrics last in a block."""
    if not any(_FIELD.match(line) for line in text.splitlines()):
        for place, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield f"line {place}", {"prompt": line.strip()}
        return
    for place, block in enumerate((one for one in _BETWEEN_SONGS.split(text) if one.strip()), 1):
        yield f"song {place}", _block(block)


def _block(block: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    lines = block.strip().splitlines()
    for place, line in enumerate(lines):
        found = _FIELD.match(line)
        if found is None:
            fields["prompt"] = " ".join(filter(None, (fields.get("prompt"), line.strip())))
        elif found[1] == "lyrics":
            fields["lyrics"] = "\n".join([found[2], *lines[place + 1 :]]).strip()
            break
        else:
            fields[found[1]] = found[2].strip()
    return fields


def _data_set(path: Path) -> Iterator[Entry]:
    """Every song's caption, lyrics and facts, as its training prompt has them, and its length up to ten minutes."""
    dataset = load_dataset(path, replay=False)
    by_genre = genre_songs(dataset)
    for song in dataset.songs:
        known = song_fields(song, dataset.metadata, use_genre=song.key in by_genre, duration=song.audio.duration)
        fields = {
            "name": Path(song.key).stem,
            "prompt": known.caption,
            "lyrics": known.lyrics,
            "language": known.language,
            "bpm": known.bpm,
            "keyscale": known.keyscale,
            "timesignature": known.timesignature,
            "duration": max(1.0, min(known.duration, 600.0)),
        }
        yield song.key, {key: value for key, value in fields.items() if value is not None}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SidestepError(
            f"The prompts cannot be read: {error}.", where=path, fix="give a UTF-8 text, JSON lines or a data set"
        ) from error
