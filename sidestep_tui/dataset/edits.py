"""Edits as pure functions on data sets, with undo and redo as an immutable history.

A change is a field set to a value; the value is read like any sidecar's, so "190 BPM" and "F#m" work here too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sidestep_tui.dataset.beliefs import read_beliefs
from sidestep_tui.dataset.fields import FIELDS, METADATA_FIELDS, Field, field_named, normal_name
from sidestep_tui.dataset.lrc import parse_lyrics
from sidestep_tui.dataset.song import INSTRUMENTAL, Belief, Dataset, DatasetMetadata, Song, Source
from sidestep_tui.errors import UsageError


@dataclass(frozen=True, slots=True)
class Edit:
    """One step that can be undone: fields set for some songs, or for the data set."""

    changes: Mapping[str, Any]
    """Field name to its new value, as it was given; None sets the field back to "not said"."""
    keys: tuple[str, ...] | None = None
    """The songs; None for fields of the data set itself."""
    source: Source = Source.EDITED
    """Who says so: a person, or the labelling, whose values keep what they were guessed with."""
    beliefs: Mapping[str, Belief] = field(default_factory=dict)
    """Field name to how sure a labeller was of it."""

    def as_dict(self) -> dict[str, Any]:
        """The same as a JSON-able document."""
        document = {"changes": dict(self.changes), "keys": None if self.keys is None else list(self.keys)}
        if self.source is Source.EDITED:
            return document
        beliefs = {name: belief.as_dict() for name, belief in self.beliefs.items()}
        return {**document, "source": self.source.value, "beliefs": beliefs}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Edit":
        """What `as_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        keys = document["keys"]
        source = Source(document.get("source", Source.EDITED.value))
        beliefs = read_beliefs(document.get("beliefs"))
        return cls(dict(document["changes"]), None if keys is None else tuple(keys), source, beliefs)


@dataclass(frozen=True, slots=True)
class _Step:
    """What an edit replaced, and by what."""

    before: tuple[Song, ...]
    after: tuple[Song, ...]
    metadata_before: DatasetMetadata
    metadata_after: DatasetMetadata


@dataclass(frozen=True, slots=True)
class History:
    """A data set with what was done to it and what was undone."""

    present: Dataset
    past: tuple[_Step, ...] = ()
    future: tuple[_Step, ...] = ()

    def apply(self, edit: Edit) -> "History":
        """The history with one more edit; what had been undone is forgotten.

        Raises:
            UsageError: no such field or song, or a value that the field cannot have.
        """
        return self.apply_all((edit,))

    def apply_all(self, edits: Sequence[Edit]) -> "History":
        """The history with several edits that are undone together; errors as `apply`."""
        after = apply_edits(self.present, edits)
        touched = {key for edit in edits for key in edit.keys or ()}
        step = _Step(
            tuple(song for song in self.present.songs if song.key in touched),
            tuple(song for song in after.songs if song.key in touched),
            self.present.metadata,
            after.metadata,
        )
        return History(after, (*self.past, step))

    def undo(self) -> "History":
        """The history before the last edit; the same history if there is none."""
        if not self.past:
            return self
        *past, step = self.past
        dataset = _with_songs(self.present, step.before, step.metadata_before)
        return History(dataset, tuple(past), (*self.future, step))

    def redo(self) -> "History":
        """The history with the last undone edit done again; the same history if there is none."""
        if not self.future:
            return self
        *future, step = self.future
        dataset = _with_songs(self.present, step.after, step.metadata_after)
        return History(dataset, (*self.past, step), tuple(future))


def apply_edits(dataset: Dataset, edits: Sequence[Edit]) -> Dataset:
    """The data set after edits, each on what the one before it left.

    Raises:
        UsageError: no such field or song, or a value that the field cannot have.
    """
    songs, metadata = dataset.by_key(), dataset.metadata
    for edit in edits:
        if edit.keys is None:
            metadata = set_metadata(metadata, edit.changes)
            continue
        missing = next((key for key in edit.keys if key not in songs), None)
        if missing is not None:
            raise UsageError("There is no such song in the data set.", where=missing)
        values = _read(edit.changes, FIELDS, field_named)
        for key in edit.keys:
            songs[key] = _edited(songs[key], values, edit.source, edit.beliefs)
    return replace(dataset, songs=tuple(songs.values()), metadata=metadata)


def set_metadata(metadata: DatasetMetadata, changes: Mapping[str, Any]) -> DatasetMetadata:
    """Sets fields of the data set: name, custom_tag, tag_position, genre_ratio, all_instrumental.

    Raises:
        UsageError: there is no such field, or it cannot have this value.
    """
    return replace(metadata, **_read(changes, METADATA_FIELDS, lambda name: METADATA_FIELDS.get(normal_name(name))))


def _read(changes: Mapping[str, Any], fields: Mapping[str, Field], named: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, written in changes.items():
        target: Field | None = named(name)
        if target is None:
            raise UsageError("There is no such field.", where=name, fix=f"use one of {', '.join(fields)}")
        try:
            read = target.read(written)
        except ValueError as error:
            raise UsageError(f"{target.name} cannot be set: {error}.", where=name) from error
        values[target.name] = target.default if read is None else read
    return values


def _edited(song: Song, values: Mapping[str, Any], source: Source, beliefs: Mapping[str, Belief]) -> Song:
    values = dict(values)
    if "lyrics" in values:
        values.update(_lyric_fields(song, values))
    sources = {**song.sources, **{name: source for name in values if name in FIELDS}}
    kept = {name: belief for name, belief in song.beliefs.items() if name not in values}
    held = {**kept, **{name: belief for name, belief in beliefs.items() if name in values}}
    extra = {name: one for name, one in song.extra.items() if not _settled(name, values)}
    return replace(song, sources=sources, beliefs=held, extra=extra, **values)


def _settled(name: str, values: Mapping[str, Any]) -> bool:
    """Whether a value that could not be read has been replaced."""
    target = field_named(name)
    return target is not None and target.name in values


def _lyric_fields(song: Song, values: Mapping[str, Any]) -> dict[str, Any]:
    """Lyrics with their times split off; times that the song had stay with the lines that stay."""
    lyrics = parse_lyrics(values["lyrics"])
    if lyrics.text.casefold() == INSTRUMENTAL.casefold():
        return {"lyrics": "", "is_instrumental": True, "lyric_times": ()}
    lines = set(lyrics.text.split("\n"))
    times = lyrics.times or tuple(time for time in song.lyric_times if not time.line or time.line in lines)
    return {"lyrics": lyrics.text, "lyric_times": times}


def _with_songs(dataset: Dataset, songs: Iterable[Song], metadata: DatasetMetadata) -> Dataset:
    by_key = {song.key: song for song in songs}
    return replace(dataset, songs=tuple(by_key.get(song.key, song) for song in dataset.songs), metadata=metadata)
