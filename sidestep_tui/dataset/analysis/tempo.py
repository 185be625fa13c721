"""Tempo: the pulse that both autocorrelation and spectrum of the onsets show, then the octave that people would tap.

The autocorrelation has peaks at all multiples of the beat, the spectrum at all its fractions; their product has one
where both agree (Peeters, "Template-based estimation of time-varying tempo", 2007). Which multiple of the pulse is
called the tempo is a matter of taste: it is decided by how common tempi are, and the runner-up is kept.
"""

import numpy as np

from sidestep_tui.dataset.analysis.onsets import FRAME_RATE, Rhythm
from sidestep_tui.dataset.analysis.repeats import bar_contrast, beat_lag, repeats_at
from sidestep_tui.dataset.analysis.spectrum import Array

SLOWEST, FASTEST = 40.0, 220.0
_GRID = np.exp(np.linspace(np.log(30), np.log(300), 800)).astype(np.float32)
_PULSE_CENTRE, _PULSE_SPREAD = 115.0, 0.9
_TEMPO_CENTRE, _TEMPO_SPREAD = 120.0, 0.5
"""Beats per minute and octaves: the log-normal distributions of what counts as a pulse, and as the tempo."""
_BEATS = (1, 2, 3, 4)
_OCTAVES, _THIRDS = (0.25, 0.5, 1.0, 2.0), (1 / 3, 1.0, 2.0)
"""Multiples of the pulse that can be the tempo, where pulses go in pairs and where they go in threes."""
_IN_THREES = 0.1
_CLEAR = 0.2
"""Mean autocorrelation at the beats of a song with an unmistakable rhythm."""
_FAR_BEATS = (8, 12, 16)


def find_tempo(rhythm: Rhythm) -> list[tuple[float, float]]:
    """The tempo and its octaves in beats per minute, best first, each with its share of belief.

    Nothing where no pulse can be made out.
    """
    pulse, clarity = _pulse(rhythm)
    if clarity <= 0.0:
        return []
    multiples = _THIRDS if _goes_in_threes(rhythm, pulse) else _OCTAVES
    tempi = [tempo for multiple in multiples if SLOWEST <= (tempo := pulse * multiple) <= FASTEST]
    weights = [float(_log_normal(np.asarray(tempo), _TEMPO_CENTRE, _TEMPO_SPREAD)) for tempo in tempi]
    certainty = min(1.0, clarity / _CLEAR) / sum(weights)
    ranked = zip(tempi, (weight * certainty for weight in weights), strict=True)
    return sorted(ranked, key=lambda one: -one[1])


def _pulse(rhythm: Rhythm) -> tuple[float, float]:
    """The clearest periodicity in beats per minute, and how clear it is (0 to 1)."""
    lags = FRAME_RATE * 60 / _GRID
    combs = np.mean([np.maximum(0, repeats_at(rhythm.onset_repeats, beat * lags)) for beat in _BEATS], axis=0)
    salience = combs * _spectrum(rhythm.onsets) * _log_normal(_GRID, _PULSE_CENTRE, _PULSE_SPREAD)
    best = int(np.argmax(salience))
    return _refined(rhythm.onset_repeats, float(_GRID[best])), float(combs[best])


def _goes_in_threes(rhythm: Rhythm, pulse: float) -> bool:
    lag = beat_lag(pulse)
    return bar_contrast(rhythm, lag, 3) > max(bar_contrast(rhythm, lag, 2), bar_contrast(rhythm, lag, 4)) + _IN_THREES


def _spectrum(onsets: Array) -> Array:
    """Magnitudes of the onsets' Fourier transform at the tempi of the grid, summed over groups, largest 1."""
    windowed = (onsets - onsets.mean(axis=0)) * np.hanning(len(onsets))[:, None].astype(np.float32)
    size = max(1 << len(onsets).bit_length(), 1 << 16)  # lines close enough for linear interpolation
    lines = np.abs(np.fft.rfft(windowed, size, axis=0)).sum(axis=1)
    found = np.interp(_GRID / 60, np.fft.rfftfreq(size, 1 / FRAME_RATE), lines)
    return np.asarray(found / max(float(found.max()), 1e-9), dtype=np.float32)


def _refined(repeats: Array, tempo: float) -> float:
    """The tempo to a fraction of a percent, from beats that lie seconds apart."""
    near = tempo * np.linspace(0.992, 1.008, 65, dtype=np.float32)
    lags = FRAME_RATE * 60 / near
    far = [repeats_at(repeats, beat * lags) for beat in _FAR_BEATS if beat * lags.max() < len(repeats)]
    return float(near[int(np.argmax(np.sum(far, axis=0)))]) if far else tempo


def _log_normal(tempo: Array, centre: float, spread: float) -> Array:
    return np.asarray(np.exp(-0.5 * (np.log2(tempo / centre) / spread) ** 2), dtype=np.float32)
