"""What models that listen are asked, and how their JSON is read: the same words for every protocol."""

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from sidestep_tui.dataset.fields import FIELDS
from sidestep_tui.dataset.providers.base import Answer, Usage
from sidestep_tui.dataset.song import INSTRUMENTAL, Song
from sidestep_tui.errors import SidestepError

CHAT_FIELDS: Final = frozenset({"caption", "genre", "lyrics", "language"})
"""What a model that listens can fill. Tempo and key are measured, not asked."""
_ASKED: Final = {
    "caption": "caption: one or two sentences that describe style, instruments, voice, mood and production as heard; "
    "no title, no artist, no guess about what is not audible",
    "genre": "genre: two or three genre names, separated by commas",
    "lyrics": "lyrics: the words as sung, one line each, with lines such as [Verse] and [Chorus] before the sections; "
    "exactly [Instrumental] if nobody sings; leave out what cannot be understood instead of inventing it",
    "language": "language: ISO 639-1 code of the lyrics",
}


def question(song: Song, fields: Collection[str]) -> str:
    """The instruction for one song. Lyrics that are known go with it, since they help to describe the voice."""
    wanted = [text for name, text in _ASKED.items() if name in fields]
    known = f"\n\nThe lyrics are:\n{song.lyrics}" if song.lyrics else ""
    sure = "\n- lyrics_confidence: from 0 to 1, how much of the words was clearly heard" if "lyrics" in fields else ""
    listed = "\n".join(f"- {text}" for text in wanted)
    return f"Listen to this song and answer with one JSON object that has these members:\n{listed}{sure}{known}"


def schema(fields: Collection[str]) -> dict[str, Any]:
    """The answer's shape, as an OpenAPI schema."""
    members: dict[str, Any] = {name: {"type": "STRING"} for name in _ASKED if name in fields}
    if "lyrics" in fields:
        members["lyrics_confidence"] = {"type": "NUMBER"}
    return {"type": "OBJECT", "properties": members, "required": list(members)}


def read_answer(text: str, fields: Collection[str], usage: Usage, where: str) -> Answer:
    """A model's JSON as an answer. Members that cannot be read are left out.

    Raises:
        SidestepError: it is no JSON object.
    """
    document = _json_object(text)
    if document is None:
        raise SidestepError("The model did not answer with JSON.", where=where, fix="try again, or use another model")
    values = {name: value for name in fields if (value := _readable(name, document.get(name))) is not None}
    confidence = document.get("lyrics_confidence")
    is_share = isinstance(confidence, int | float) and 0 <= confidence <= 1
    sure = {"lyrics": float(confidence)} if is_share and confidence is not None and "lyrics" in values else {}
    if str(values.get("lyrics", "")).casefold() == INSTRUMENTAL.casefold():
        values.pop("language", None)
    return Answer(values, sure, usage)


def _json_object(text: str) -> Mapping[str, Any] | None:
    """The object between the first and the last brace: models like to wrap it in prose or a code block."""
    try:
        document = json.loads(text[text.find("{") : text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _readable(name: str, value: Any) -> Any:
    try:
        return FIELDS[name].read(value)
    except ValueError:
        return None
