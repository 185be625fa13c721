"""The providers by name: what each needs and how it is opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sidestep_tui.dataset.providers import chat, gemini, lrclib, scribe, whisper
from sidestep_tui.dataset.providers.base import Provider
from sidestep_tui.dataset.providers.http import Endpoint
from sidestep_tui.dataset.providers.keys import find_key, keys_file
from sidestep_tui.errors import UsageError


@dataclass(frozen=True, slots=True)
class Entry:
    """One provider that can be asked for by name."""

    name: str
    summary: str
    open: Callable[[Endpoint], Provider]
    endpoint: Endpoint
    """With the default address, model and pace."""
    key_variable: str | None = None
    """The environment variable of its key; None where there is none."""


PROVIDERS: Mapping[str, Entry] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Entry(
                "gemini",
                "captions and lyrics by Google's Gemini",
                gemini.open_gemini,
                Endpoint(gemini.BASE_URL, model=gemini.MODEL, requests_per_minute=10),
                "GEMINI_API_KEY",
            ),
            Entry(
                "openai",
                "captions and lyrics by any server with OpenAI's chat completions",
                chat.open_chat,
                Endpoint(chat.BASE_URL, model=chat.MODEL),
                "OPENAI_API_KEY",
            ),
            Entry(
                "whisper",
                "lyrics by any server with OpenAI's audio transcriptions",
                whisper.open_whisper,
                Endpoint(chat.BASE_URL, model=whisper.MODEL),
                "OPENAI_API_KEY",
            ),
            Entry(
                "scribe",
                "lyrics by ElevenLabs Scribe",
                scribe.open_scribe,
                Endpoint(scribe.BASE_URL, model=scribe.MODEL, timeout=300),
                "ELEVENLABS_API_KEY",
            ),
            Entry(
                "lrclib",
                "lyrics of published songs, looked up in LRCLIB",
                lrclib.open_lrclib,
                Endpoint(lrclib.BASE_URL, timeout=30),
            ),
        )
    }
)


def open_provider(
    name: str, *, base_url: str | None = None, model: str | None = None, requests_per_minute: float | None = None
) -> Provider:
    """A provider, ready to be asked.

    Args:
        name: of `PROVIDERS`.
        base_url: another server that speaks the same protocol; such a server may do without a key.
        model: another model.
        requests_per_minute: another pace.

    Raises:
        UsageError: no such provider, or its key is missing.
        SidestepError: the file of keys cannot be used.
    """
    entry = PROVIDERS.get(name)
    if entry is None:
        raise UsageError("There is no such provider.", where=name, fix=f"use one of {', '.join(PROVIDERS)}")
    key = find_key(entry.key_variable) if entry.key_variable else None
    if entry.key_variable and key is None and base_url is None:
        raise UsageError(
            f"The provider {name} needs a key.",
            where=entry.key_variable,
            fix=f"set {entry.key_variable} in the environment, or as a member of {keys_file()} (mode 0600)",
        )
    default = entry.endpoint
    return entry.open(
        replace(
            default,
            base_url=(base_url or default.base_url).rstrip("/"),
            key=key,
            model=model or default.model,
            requests_per_minute=requests_per_minute or default.requests_per_minute,
        )
    )
