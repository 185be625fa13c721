"""Reading the autocorrelations of a rhythm: how much a song resembles itself some beats later."""

import numpy as np

from sidestep_tui.dataset.analysis.onsets import FRAME_RATE, Rhythm
from sidestep_tui.dataset.analysis.spectrum import Array

_TOLERANCE = np.linspace(0.99, 1.01, 5, dtype=np.float32)
_TIMBRE_WEIGHT = 0.5


def beat_lag(tempo: float) -> float:
    """Frames from one beat to the next, at a tempo in beats per minute."""
    return FRAME_RATE * 60 / tempo


def repeats_at(repeats: Array, lags: Array) -> Array:
    """An autocorrelation between its lags, in frames; 0 beyond the last."""
    return np.asarray(np.interp(lags, np.arange(len(repeats)), repeats, right=0.0), dtype=np.float32)


def repeat_near(repeats: Array, lag: float) -> float:
    """The largest value within a percent of a lag: people do not play like clocks."""
    return float(repeats_at(repeats, lag * _TOLERANCE).max())


def bar_contrast(rhythm: Rhythm, lag: float, beats: int) -> float:
    """How much more a song resembles itself one and two bars later than a beat before and after that.

    Args:
        rhythm: of the song.
        lag: frames of one beat.
        beats: in the bar that is tried.
    """
    onsets, timbre = (
        sum(
            repeat_near(repeats, lag * bar)
            - (repeat_near(repeats, lag * (bar - 1)) + repeat_near(repeats, lag * (bar + 1))) / 2
            for bar in (beats, 2 * beats)
        )
        for repeats in (rhythm.onset_repeats, rhythm.timbre_repeats)
    )
    return onsets + _TIMBRE_WEIGHT * timbre
