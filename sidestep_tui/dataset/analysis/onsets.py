"""Where notes and drum strokes begin, and how much a song resembles itself later: what rhythm is read from.

Onsets are positive changes of log-mel bands, with a maximum filter over frequency so that vibrato makes none
(Böck and Widmer, "Maximum filter vibrato suppression for onset detection", 2013).
"""

from dataclasses import dataclass

import numpy as np

from sidestep_tui.dataset.analysis.spectrum import Array, autocorrelation, magnitudes, mel_bands, to_mono
from sidestep_tui.dataset.audio import Waveform

_RATE, _WINDOW, _HOP = 22_050, 1024, 256
FRAME_RATE = _RATE / _HOP
"""Frames per second of everything here."""
_BANDS, _GROUPS = 40, 8
_LOWEST, _HIGHEST = 40.0, 10_000.0
_COMPRESSION = 10.0
_APART = 2
"""Frames between the two spectra that are compared."""
_TREND_SECONDS = 0.4
LONGEST_LAG = 16.0
"""Seconds: four bars of four at 60 beats per minute."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What tempo and metre are read from."""

    onsets: Array
    """[frames, groups]: onset strength in eight groups of bands, each with unit deviation."""
    onset_repeats: Array
    """[lags]: autocorrelation of the onsets, group by group, so that kick and snare are told apart."""
    timbre_repeats: Array
    """[lags]: autocorrelation of the log-mel spectrum: chords and patterns that come back."""


def rhythm(waveform: Waveform, sample_rate: int) -> Rhythm | None:
    """The rhythm of a song, [channels, samples]; None where it never changes (silence, a held tone) or is too short."""
    bands = mel_bands(_WINDOW, _RATE, _BANDS, _LOWEST, _HIGHEST)
    spectra = magnitudes(to_mono(waveform, sample_rate, _RATE), _WINDOW, _HOP)
    levels = np.log1p(_COMPRESSION * (spectra @ bands))
    if len(levels) < 4 * FRAME_RATE:
        return None
    onsets = _without_trend(_flux(levels).reshape(len(levels) - _APART, _GROUPS, -1).sum(axis=2))
    deviation = onsets.std(axis=0)
    if deviation.max() < 1e-4:
        return None
    onsets = onsets / (deviation + 1e-3 * deviation.max())
    lags = int(LONGEST_LAG * FRAME_RATE)
    return Rhythm(onsets, autocorrelation(onsets, lags), autocorrelation(levels, lags))


def _flux(levels: Array) -> Array:
    before = levels[:-_APART]
    widest = before.copy()
    widest[:, 1:] = np.maximum(widest[:, 1:], before[:, :-1])
    widest[:, :-1] = np.maximum(widest[:, :-1], before[:, 1:])
    return np.asarray(np.maximum(0.0, levels[_APART:] - widest), dtype=np.float32)


def _without_trend(series: Array) -> Array:
    """What stands out of the running mean, so that loud passages do not count for more than quiet ones."""
    width = int(_TREND_SECONDS * FRAME_RATE) | 1
    kernel = np.full(width, 1 / width)
    means = np.stack([np.convolve(column, kernel, "same") for column in series.T], axis=1)
    return np.asarray(np.maximum(0.0, series - means), dtype=np.float32)
