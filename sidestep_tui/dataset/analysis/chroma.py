"""How strong each of the twelve pitch classes is in a song, whatever its tuning.

Spectral peaks between 65 and 2100 Hz, with the drums taken out by a median over time (Fitzgerald, "Harmonic/percussive
separation using median filtering", 2010), are folded into octaves at the song's own tuning.
"""

import numpy as np

from sidestep_tui.dataset.analysis.spectrum import Array, magnitudes, to_mono
from sidestep_tui.dataset.audio import Waveform

_RATE, _WINDOW, _HOP = 11_025, 8192, 2048
_LOWEST, _HIGHEST = 65.0, 2100.0
_A4 = 440.0
_MEDIAN_FRAMES = 7
_SPREAD = 0.25
"""Semitones: the width within which a peak counts for its pitch class."""


def chroma(waveform: Waveform, sample_rate: int) -> Array:
    """Pitch classes over time, [frames, 12] from C on, each frame's strongest is 1.

    Args:
        waveform: [channels, samples].
        sample_rate: in Hz.

    Returns:
        No frames for a song that is silent or has no pitch at all.
    """
    spectra = magnitudes(to_mono(waveform, sample_rate, _RATE), _WINDOW, _HOP)
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / _RATE)
    first, last = np.searchsorted(frequencies, (_LOWEST, _HIGHEST))
    window = _steady(spectra[:, first - 1 : last + 1])
    peaks, offsets = _peaks(window)
    pitches = 69 + 12 * np.log2((frequencies[first:last] + offsets * frequencies[1]) / _A4)
    pitches = pitches - _tuning(pitches, peaks)
    classes = np.zeros((len(peaks), 12), dtype=np.float32)
    for note in range(12):
        distance = np.abs((pitches - note + 6) % 12 - 6)
        classes[:, note] = (peaks * np.exp(-0.5 * (distance / _SPREAD) ** 2)).sum(axis=1)
    strongest = classes.max(axis=1)
    heard = strongest > 0.05 * float(np.median(strongest)) if len(strongest) else strongest > 0
    heard &= strongest > 0
    return np.asarray(classes[heard] / strongest[heard, None], dtype=np.float32)


def _steady(spectra: Array) -> Array:
    """What lasts: each line's median over neighbouring frames, so that drum strokes vanish."""
    padded = np.pad(spectra, ((_MEDIAN_FRAMES // 2, _MEDIAN_FRAMES // 2), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _MEDIAN_FRAMES, axis=0)
    return np.asarray(np.median(windows, axis=2), dtype=np.float32)


def _peaks(spectra: Array) -> tuple[Array, Array]:
    """Strength of local maxima, 0 elsewhere, and where between the lines they lie (parabola through three lines)."""
    left, middle, right = spectra[:, :-2], spectra[:, 1:-1], spectra[:, 2:]
    is_peak = (middle > left) & (middle >= right) & (middle > 0)
    curvature = left - 2 * middle + right
    offsets = np.where(is_peak, 0.5 * (left - right) / np.where(curvature == 0, 1, curvature), 0)
    strength = np.where(is_peak, np.sqrt(middle), 0)  # between loudness and presence: no single voice decides
    return np.asarray(strength, dtype=np.float32), np.asarray(np.clip(offsets, -0.5, 0.5), dtype=np.float32)


def _tuning(pitches: Array, strength: Array) -> float:
    """Semitones by which the song is sharp (positive) or flat, from -0.5 to 0.5: the mean angle of all peaks."""
    angle = np.angle(np.sum(strength * np.exp(2j * np.pi * pitches)))
    return float(angle / (2 * np.pi))
