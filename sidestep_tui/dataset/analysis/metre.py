"""Metre: whether the song resembles itself more every three beats or every four, and whether beats fall into thirds."""

from dataclasses import dataclass

import numpy as np

from sidestep_tui.dataset.analysis.onsets import Rhythm
from sidestep_tui.dataset.analysis.repeats import bar_contrast, beat_lag, repeat_near
from sidestep_tui.dataset.analysis.tempo import SLOWEST

_STEEPNESS = 12.0
"""How fast belief grows with the difference between three and four; fitted on the benchmark's first seeds."""
_COMPOUND_THIRDS = 0.03
_COMPOUND_PAIRS = 0.12


@dataclass(frozen=True, slots=True)
class Metre:
    """Beats in a bar, and the belief in it."""

    beats: str
    confidence: float
    second: str
    tempo: float
    """Beats per minute under this metre: in 6/8 that were counted as eighths, a third of what was found."""


def find_metre(rhythm: Rhythm, tempo: float) -> Metre:
    """The metre of a song at a tempo in beats per minute: 3, 4, or 6 for two beats of three."""
    lag = beat_lag(tempo)
    if _falls_into_thirds(rhythm, lag):
        return Metre("6", 0.7, "4", tempo)
    three = bar_contrast(rhythm, lag, 3)
    four = bar_contrast(rhythm, lag, 4)
    belief = 1 / (1 + float(np.exp(-_STEEPNESS * (three - four))))
    if belief < 0.5:
        return Metre("4", 1 - belief, "3", tempo)
    if tempo / 3 >= SLOWEST and _pairs_of_bars(rhythm, lag) > _COMPOUND_PAIRS:
        return Metre("6", belief * 0.7, "3", tempo / 3)
    return Metre("3", belief, "4", tempo)


def _falls_into_thirds(rhythm: Rhythm, lag: float) -> bool:
    """Onsets at both thirds of the beat and none at its half; swung eighths have only the second third."""
    third, half, two_thirds = (repeat_near(rhythm.onset_repeats, lag * part) for part in (1 / 3, 1 / 2, 2 / 3))
    return min(third, two_thirds) > max(half, 0.0) + _COMPOUND_THIRDS


def _pairs_of_bars(rhythm: Rhythm, lag: float) -> float:
    """How much more it resembles itself after two groups of three than after one: they are the two beats of 6/8."""
    return repeat_near(rhythm.onset_repeats, lag * 6) - repeat_near(rhythm.onset_repeats, lag * 3)
