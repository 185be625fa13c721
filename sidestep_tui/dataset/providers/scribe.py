"""Transcription by ElevenLabs Scribe: `/v1/speech-to-text`, words with times and log probabilities."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sidestep_tui.dataset.language import language_code
from sidestep_tui.dataset.providers.base import Answer, Usage
from sidestep_tui.dataset.providers.http import Endpoint, Server
from sidestep_tui.dataset.providers.listening import as_mp3, number, timed_line
from sidestep_tui.dataset.song import Song

BASE_URL: Final = "https://api.elevenlabs.io"
MODEL: Final = "scribe_v1"
_PAUSE = 0.7
"""Seconds without a word that end a line."""
_LONGEST_LINE = 60


@dataclass(frozen=True)
class Scribe:
    """Lyrics with line times, and their language."""

    server: Server
    name: str = "scribe"
    fields: frozenset[str] = frozenset({"lyrics", "language"})

    def label(self, song: Song, fields: Collection[str]) -> Answer:
        """As `base.Provider.label`."""
        form = {
            "model_id": self.server.endpoint.model,
            "tag_audio_events": "false",
            "timestamps_granularity": "word",
        }
        if song.language != "unknown":
            form["language_code"] = song.language
        document = self.server.post(
            "/v1/speech-to-text", data=form, files={"file": ("song.mp3", as_mp3(song), "audio/mpeg")}
        )
        usage = Usage(1, audio_seconds=song.duration)
        words = _words(document)
        if not words:
            return Answer(usage=usage)
        language = document.get("language_code")
        code = language_code(language) if isinstance(language, str) else None
        heard = {"lyrics": _lyrics(words), "language": code}
        values = {name: value for name, value in heard.items() if name in fields and value}
        return Answer(values, _confidence(document, words), usage)


def open_scribe(endpoint: Endpoint) -> Scribe:
    """Scribe at an endpoint with a key."""
    key = endpoint.key.get_secret_value() if endpoint.key is not None else ""
    return Scribe(Server(endpoint, {"xi-api-key": key}))


def _words(document: dict[str, Any]) -> list[dict[str, Any]]:
    """What is sung; spacing and sounds such as applause are left out."""
    told = document.get("words")
    words = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    return [one for one in words if one.get("type") == "word" and isinstance(one.get("text"), str)]


def _lyrics(words: list[dict[str, Any]]) -> str:
    """Lines end where the singer pauses, or where they get long."""
    lines: list[str] = []
    held: list[str] = []
    began = ended = 0.0
    for word in words:
        start = number(word.get("start"))
        if held and (start - ended > _PAUSE or sum(map(len, held)) > _LONGEST_LINE):
            lines.append(timed_line(began, " ".join(held)))
            held = []
        began = began if held else start
        held.append(str(word["text"]).strip())
        ended = number(word.get("end"))
    return "\n".join([*lines, timed_line(began, " ".join(held))])


def _confidence(document: dict[str, Any], words: list[dict[str, Any]]) -> dict[str, float]:
    told = [number(word["logprob"]) for word in words if "logprob" in word]
    sure = {"lyrics": min(1.0, math.exp(sum(told) / len(told)))} if told else {}
    if "language_probability" in document:
        sure["language"] = min(1.0, max(0.0, number(document["language_probability"])))
    return sure
