"""What a provider is asked and what it answers, whichever protocol it speaks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sidestep_tui.dataset.song import Song
from sidestep_tui.errors import SidestepError


@dataclass(frozen=True, slots=True)
class Usage:
    """What answers cost, as far as servers tell."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    audio_seconds: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests + other.requests,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.audio_seconds + other.audio_seconds,
        )

    def as_dict(self) -> dict[str, float]:
        """The same as a JSON-able document."""
        return {
            "requests": self.requests,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "audio_seconds": round(self.audio_seconds, 1),
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says about a song. No values: it knows nothing, and says so instead of inventing."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """Field name to value, in any form that a sidecar may have."""
    confidence: Mapping[str, float] = field(default_factory=dict)
    """Field name to 0 to 1, where the protocol tells."""
    usage: Usage = field(default_factory=Usage)


class RefusedError(SidestepError):
    """The server will answer no song: a wrong key, no credit, no such model. Asking on would change nothing."""


class Provider(Protocol):
    """Something that fills fields of songs."""

    @property
    def name(self) -> str:
        """As it is kept with every value, such as `gemini`."""
        ...

    @property
    def fields(self) -> frozenset[str]:
        """What it can fill."""
        ...

    def label(self, song: Song, fields: Collection[str]) -> Answer:
        """Asks about one song.

        Args:
            song: the song.
            fields: what is missing, all of them ones that the provider can fill.

        Raises:
            RefusedError: the server will answer no song.
            SidestepError: this song was not answered.
        """
        ...
