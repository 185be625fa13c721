"""What an analyser says about a song: for tempo, key and metre its best guess, how sure it is, and the next best."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sidestep_tui.dataset.audio import Waveform

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Guess(Generic[T]):
    """A value with the one that would be taken if it were wrong."""

    value: T
    confidence: float
    """0 to 1: the share of the analyser's belief that falls on the value."""
    second: T | None = None
    """Half or double the tempo, the relative key, the other metre; None where nothing else is near."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """None stands for "this cannot be told": silence, or no rhythm, or noise without pitch."""

    bpm: Guess[float] | None
    keyscale: Guess[str] | None
    """As `Song.keyscale`: `F# minor`, `Bb major`."""
    timesignature: Guess[str] | None
    """As `Song.timesignature`: `3`, `4` or `6`."""


NOTHING = Analysis(None, None, None)


class Analyser(Protocol):
    """Anything that tells tempo, key and metre from sound; `builtin.analyse` is one."""

    def __call__(self, waveform: Waveform, sample_rate: int) -> Analysis:
        """Analyses [channels, samples] at a sample rate in Hz."""
        ...
