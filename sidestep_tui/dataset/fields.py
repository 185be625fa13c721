"""Every editable field of a song, declared once: how it is spelled outside, how it is read, what it is when unsaid.

Sidecars, tables, the saved data set, `--set` and `--where` all read through this list.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sidestep_tui.dataset import captions, values
from sidestep_tui.dataset.song import Finding, Severity
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import UsageError
from sidestep_tui.told import told

_IN_BRACKETS = re.compile(r"\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of `Song` that people may set."""

    name: str
    read: Callable[[object], Any]
    """Gives the value, None for "not said"; raises ValueError for what cannot be understood."""
    default: Any
    aliases: tuple[str, ...] = ()
    """Other names, as `normal_name` writes them, that this field has in files of other tools."""


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        one.name: one
        for one in (
            Field(
                "caption",
                values.read_text,
                "",
                ("description", "prompt", "tags", "text_prompt", "music_caption", "caption_text"),
            ),
            Field("genre", values.read_text, "", ("genres", "style", "styles")),
            Field("lyrics", values.read_lines, "", ("lyric", "lyrics_text")),
            Field("bpm", values.read_bpm, None, ("tempo", "beats_per_minute")),
            Field(
                "keyscale",
                values.read_key,
                "",
                (
                    "key",
                    "key_scale",
                    "musical_key",
                    "key_signature",
                    "keysignature",
                    "initial_key",
                    "initialkey",
                    "key_result",
                ),
            ),
            Field(
                "timesignature",
                values.read_timesignature,
                "",
                ("time_signature", "meter", "metre", "time_sig", "timesig"),
            ),
            Field(
                "language",
                values.read_language,
                "unknown",
                ("lang", "vocal_language", "lyrics_language"),
            ),
            Field("is_instrumental", values.read_flag, None, ("instrumental",)),
            Field(
                "custom_tag", values.read_text, "", ("trigger", "trigger_tag", "trigger_word", "activation_tag", "tag")
            ),
            Field("prompt_override", values.read_prompt_override, None),
            Field("repeat", values.read_repeat, 1, ("repeats", "num_repeats")),
            Field("trim_start", values.read_seconds, None),
            Field("trim_end", values.read_seconds, None),
            Field("gain_db", values.read_gain, None),
            Field("held_out", values.read_flag, False, ("holdout", "hold_out")),
            Field("reviewed", values.read_flag, False),
        )
    }
)

METADATA_FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        one.name: one
        for one in (
            Field("name", values.read_text, "untitled"),
            Field("custom_tag", values.read_text, ""),
            Field("tag_position", values.read_tag_position, "prepend"),
            Field("genre_ratio", values.read_percent, 0),
            Field("all_instrumental", values.read_flag, False),
            Field("trim_silence", values.read_flag, False),
            Field("normalization", values.read_normalization, "none"),
            Field("target_lufs", values.read_lufs, -14.0),
        )
    }
)
"""What can be set for a whole data set; the names are those of `DatasetMetadata` and of ACE-Step's dataset JSON."""

_BY_NAME = {name: one for one in FIELDS.values() for name in (one.name, *one.aliases)}


@dataclass(frozen=True, slots=True)
class Reading:
    """What one source says about a song."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """Field name to value, for the fields that the source has."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Everything else, untouched, and values that could not be understood under the name they had."""
    findings: tuple[Finding, ...] = ()


def normal_name(name: str) -> str:
    """A field name in one spelling: lower case, words joined by underscores, no unit in brackets: `Tempo (BPM)`."""
    return "_".join(_IN_BRACKETS.sub("", name).lower().replace("-", " ").replace("_", " ").split())


@lru_cache(maxsize=2_000)
def field_named(name: str) -> Field | None:
    """The field with this name or alias."""
    return _BY_NAME.get(normal_name(name))


def fields_named(names: Iterable[str]) -> list[str]:
    """The fields with these names or aliases, by their own names.

    Raises:
        UsageError: there is no such field.
    """
    found = {name: field_named(name) for name in names}
    for name, one in found.items():
        if one is None:
            raise UsageError("Songs have no such field.", where=name, fix="write it like --fields bpm,key")
    return [one.name for one in found.values() if one is not None]


def read_record(record: Mapping[str, Any], *, song: str | None, where: str) -> Reading:
    """Reads a record of named values, as a sidecar, a table row or a saved sample has it.

    A field's own name wins over its aliases, and an alias over those listed after it; an alias that loses and says
    something else is reported.

    Args:
        record: names in any spelling to any JSON values.
        song: key of the song, for findings.
        where: the file, for findings.
    """
    found: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    findings: list[Finding] = []
    for name in sorted(record, key=_rank):
        target, value = field_named(name), record[name]
        if target is None:
            extra[name] = value
            continue
        try:
            read = target.read(value)
        except ValueError as error:
            extra[name] = value
            findings.append(_unreadable(target.name, where, error, song, target.name))
            continue
        if read is None:
            continue
        if target.name not in found:
            found[target.name] = read
        elif found[target.name] != read:
            extra[name] = value
            findings.append(_given_twice(target.name, where, name, song))
    findings += _take_captions(found, extra, song, where)
    return Reading(found, extra, tuple(findings))


def _take_captions(found: dict[str, Any], extra: dict[str, Any], song: str | None, where: str) -> list[Finding]:
    """Several captions as one of several paragraphs; what is no list of texts stays as it is."""
    for name in [name for name in extra if normal_name(name) == captions.MEMBER]:
        try:
            caption = captions.joined(found.get("caption", ""), extra[name])
        except ValueError as error:
            return [_unreadable(printable(name), where, error, song, "caption")]
        del extra[name]
        if caption:
            found["caption"] = caption
    return []


@lru_cache(maxsize=2_000)
def _rank(name: str) -> int:
    target = field_named(name)
    return 0 if target is None else (target.name, *target.aliases).index(normal_name(name))


def _unreadable(shown: str, where: str, error: ValueError, song: str | None, name: str) -> Finding:
    message = told("{name} in {what}: {problem}.", name=shown, what=where, problem=str(error))
    return _finding("unreadable-value", message, song, name)


def _given_twice(name: str, where: str, ignored: str, song: str | None) -> Finding:
    message = told(
        "{where} gives {name} twice; {ignored} is ignored.", where=where, name=name, ignored=printable(ignored)
    )
    return _finding("two-values", message, song, name)


def _finding(code: str, message: str, song: str | None, name: str) -> Finding:
    return Finding(
        Severity.WARNING, code, message, song, fix=told("correct it, or set {name} in the data set", name=name)
    )
