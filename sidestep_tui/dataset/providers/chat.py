"""Any server that speaks OpenAI's chat completions and takes `input_audio`, local ones (vLLM, llama.cpp) included."""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sidestep_tui.dataset.providers.base import Answer, Usage
from sidestep_tui.dataset.providers.http import Endpoint, Server
from sidestep_tui.dataset.providers.listening import as_mp3, number
from sidestep_tui.dataset.providers.prompts import CHAT_FIELDS, question, read_answer
from sidestep_tui.dataset.song import Song
from sidestep_tui.errors import SidestepError

BASE_URL: Final = "https://api.openai.com/v1"
MODEL: Final = "gpt-4o-audio-preview"


@dataclass(frozen=True)
class Chat:
    """Captions, genres, lyrics and languages by a model that listens."""

    server: Server
    name: str = "openai"
    fields: frozenset[str] = CHAT_FIELDS

    def label(self, song: Song, fields: Collection[str]) -> Answer:
        """As `base.Provider.label`. JSON is asked for in words: few servers with audio take `response_format`."""
        audio = base64.b64encode(as_mp3(song)).decode("ascii")
        content = [
            {"type": "text", "text": question(song, fields)},
            {"type": "input_audio", "input_audio": {"data": audio, "format": "mp3"}},
        ]
        document = self.server.post(
            "/chat/completions",
            json={
                "model": self.server.endpoint.model,
                "messages": [{"role": "user", "content": content}],
            },
        )
        return read_answer(_text(document, song.key), fields, _usage(document), song.key)


def open_chat(endpoint: Endpoint) -> Chat:
    """A chat server; local ones need no key."""
    return Chat(Server(endpoint, bearer(endpoint)))


def bearer(endpoint: Endpoint) -> dict[str, str]:
    """The header that carries the key, if there is one."""
    return {} if endpoint.key is None else {"Authorization": f"Bearer {endpoint.key.get_secret_value()}"}


def _text(document: dict[str, Any], where: str) -> str:
    try:
        message = document["choices"][0]["message"]
        content, refusal = message.get("content"), message.get("refusal")
    except (KeyError, IndexError, TypeError, AttributeError):
        content, refusal = None, None
    if isinstance(content, str):
        return content
    reason = f"it refused: {refusal}" if isinstance(refusal, str) else "its answer is empty"
    raise SidestepError(f"The model gave no text ({reason}).", where=where, fix="write this song's labels by hand")


def _usage(document: dict[str, Any]) -> Usage:
    told = document.get("usage")
    told = told if isinstance(told, dict) else {}
    return Usage(1, int(number(told.get("prompt_tokens"))), int(number(told.get("completion_tokens"))))
