"""Transcription by any server with OpenAI's `/audio/transcriptions`: Whisper, faster-whisper servers, whisper.cpp."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sidestep_tui.dataset.language import language_code
from sidestep_tui.dataset.providers.base import Answer, Usage
from sidestep_tui.dataset.providers.chat import bearer
from sidestep_tui.dataset.providers.http import Endpoint, Server
from sidestep_tui.dataset.providers.listening import as_mp3, number, timed_line
from sidestep_tui.dataset.song import Song

MODEL: Final = "whisper-1"
_NO_SPEECH = 0.8
"""Share of "nobody speaks" above which Whisper's words are invented."""


@dataclass(frozen=True)
class Whisper:
    """Lyrics with line times, and their language."""

    server: Server
    name: str = "whisper"
    fields: frozenset[str] = frozenset({"lyrics", "language"})

    def label(self, song: Song, fields: Collection[str]) -> Answer:
        """As `base.Provider.label`."""
        form = {"model": self.server.endpoint.model, "response_format": "verbose_json"}
        if song.language != "unknown":
            form["language"] = song.language
        document = self.server.post(
            "/audio/transcriptions", data=form, files={"file": ("song.mp3", as_mp3(song), "audio/mpeg")}
        )
        usage = Usage(1, audio_seconds=number(document.get("duration")) or song.duration)
        segments = [one for one in _segments(document) if number(one.get("no_speech_prob")) <= _NO_SPEECH]
        lyrics = _lyrics(document, segments)
        if not lyrics:
            return Answer(usage=usage)
        language = document.get("language")
        code = language_code(language) if isinstance(language, str) else None
        heard = {"lyrics": lyrics, "language": code}
        sure = _confidence(segments)
        return Answer(
            {name: value for name, value in heard.items() if name in fields and value},
            {} if sure is None else {"lyrics": sure},
            usage,
        )


def open_whisper(endpoint: Endpoint) -> Whisper:
    """A transcription server; local ones need no key."""
    return Whisper(Server(endpoint, bearer(endpoint)))


def _segments(document: dict[str, Any]) -> list[dict[str, Any]]:
    told = document.get("segments")
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _lyrics(document: dict[str, Any], segments: list[dict[str, Any]]) -> str:
    """One timed line for each segment; the plain text of a server that has no segments."""
    if _segments(document):
        return "\n".join(timed_line(number(one.get("start")), str(one.get("text", ""))) for one in segments)
    text = document.get("text")
    return text.strip() if isinstance(text, str) else ""


def _confidence(segments: list[dict[str, Any]]) -> float | None:
    """The geometric mean of the tokens' probabilities, weighted by the segments' lengths."""
    told = [one for one in segments if "avg_logprob" in one]
    weights = [max(0.01, number(one.get("end")) - number(one.get("start"))) for one in told]
    if not told:
        return None
    total = sum(weight * number(one["avg_logprob"]) for weight, one in zip(weights, told, strict=True))
    return min(1.0, math.exp(total / sum(weights)))
