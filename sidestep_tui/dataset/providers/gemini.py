"""Google's Gemini: `models/{model}:generateContent` with the song inline, and JSON by a response schema."""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sidestep_tui.dataset.providers.base import Answer, Usage
from sidestep_tui.dataset.providers.http import Endpoint, Server
from sidestep_tui.dataset.providers.listening import as_mp3, number
from sidestep_tui.dataset.providers.prompts import CHAT_FIELDS, question, read_answer, schema
from sidestep_tui.dataset.song import Song
from sidestep_tui.errors import SidestepError

BASE_URL: Final = "https://generativelanguage.googleapis.com/v1beta"
MODEL: Final = "gemini-2.5-flash"


@dataclass(frozen=True)
class Gemini:
    """Captions, genres, lyrics and languages by a model that listens."""

    server: Server
    name: str = "gemini"
    fields: frozenset[str] = CHAT_FIELDS

    def label(self, song: Song, fields: Collection[str]) -> Answer:
        """As `base.Provider.label`."""
        audio = base64.b64encode(as_mp3(song)).decode("ascii")
        parts = [{"text": question(song, fields)}, {"inline_data": {"mime_type": "audio/mp3", "data": audio}}]
        document = self.server.post(
            f"/models/{self.server.endpoint.model}:generateContent",
            json={
                "contents": [{"role": "user", "parts": parts}],
                "generationConfig": {"responseMimeType": "application/json", "responseSchema": schema(fields)},
            },
        )
        return read_answer(_text(document, song.key), fields, _usage(document), song.key)


def open_gemini(endpoint: Endpoint) -> Gemini:
    """Gemini at an endpoint with a key."""
    key = endpoint.key.get_secret_value() if endpoint.key is not None else ""
    return Gemini(Server(endpoint, {"x-goog-api-key": key}))


def _text(document: dict[str, Any], where: str) -> str:
    try:
        parts = document["candidates"][0]["content"]["parts"]
        return "".join(part["text"] for part in parts if not part.get("thought"))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        why = _why(document)
        raise SidestepError(
            f"Gemini gave no text ({why}).", where=where, fix="write this song's labels by hand"
        ) from error


def _why(document: dict[str, Any]) -> str:
    """Blocked prompts and cut answers say so in these two places."""
    feedback, candidates = document.get("promptFeedback"), document.get("candidates")
    if isinstance(feedback, dict) and feedback.get("blockReason"):
        return f"blocked: {feedback['blockReason']}"
    if isinstance(candidates, list) and candidates and isinstance(candidates[0], dict):
        return f"finished with {candidates[0].get('finishReason', 'no reason')}"
    return "no candidates"


def _usage(document: dict[str, Any]) -> Usage:
    told = document.get("usageMetadata")
    told = told if isinstance(told, dict) else {}
    given = number(told.get("candidatesTokenCount")) + number(told.get("thoughtsTokenCount"))
    return Usage(1, int(number(told.get("promptTokenCount"))), int(given))
