"""A sound's spectrogram as a PNG file, for samples of a run and for the report."""

from typing import Final

import numpy as np
import numpy.typing as npt

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform
from sidestep_tui.dataset.png import write_png

_WINDOW: Final = 4096
_COLUMNS, _ROWS, _FRAMES_PER_COLUMN = 480, 112, 3
_LOWEST_HZ, _HIGHEST_HZ = 40.0, 20_000.0
_FLOOR_DB, _CEILING_DB = -110.0, -30.0
_LEVELS: Final = 64
# From near black over violet and orange to pale yellow: lightness rises steadily, so it reads without colour.
_ANCHORS: Final = ((4, 4, 20), (64, 18, 102), (148, 40, 104), (222, 82, 62), (250, 160, 40), (252, 245, 180))


def spectrogram_picture(waveform: Waveform) -> bytes:
    """A PNG file: time to the right, frequency upwards by the logarithm, level from -110 to -30 dB of full scale.

    The range is the same for every sound, so that two pictures can be compared. [channels, samples] at 48 kHz.
    """
    levels = 10 * np.log10(np.maximum(_band_powers(waveform.mean(axis=0)), 1e-20))
    shares = np.clip((levels - _FLOOR_DB) / (_CEILING_DB - _FLOOR_DB), 0, 1)
    indices = np.rint(shares * (_LEVELS - 1)).astype(np.uint8)
    return write_png(np.flipud(indices.T), _palette())


def _band_powers(mono: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Mean power per spectral line in each band, [columns, bands]; a sine of full scale has 1/2 in its own line."""
    padded = np.pad(mono, (0, max(0, _WINDOW - mono.size)))
    columns = min(_COLUMNS, 1 + (padded.size - _WINDOW) // (_WINDOW // 4))
    starts = np.linspace(0, padded.size - _WINDOW, columns * _FRAMES_PER_COLUMN).astype(int)
    window = np.hanning(_WINDOW)
    bands = _bands()
    powers = np.empty((columns, _ROWS))
    for column in range(columns):
        places = starts[column * _FRAMES_PER_COLUMN : (column + 1) * _FRAMES_PER_COLUMN]
        frames = np.stack([padded[start : start + _WINDOW] for start in places]) * window
        spectrum = 2 * (np.abs(np.fft.rfft(frames, axis=1)) / window.sum()) ** 2
        powers[column] = spectrum.mean(axis=0) @ bands
    return powers


def _bands() -> npt.NDArray[np.float64]:
    """[lines, bands]: each column averages the lines of a band, or takes the nearest one where a band has none."""
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _ROWS + 1) * _WINDOW / SAMPLE_RATE
    weights = np.zeros((_WINDOW // 2 + 1, _ROWS))
    for band in range(_ROWS):
        first, last = round(float(edges[band])), round(float(edges[band + 1]))
        weights[first : max(last, first + 1), band] = 1 / max(last - first, 1)
    return weights


def _palette() -> npt.NDArray[np.uint8]:
    anchors = np.array(_ANCHORS, dtype=np.float64)
    at = np.linspace(0, len(anchors) - 1, _LEVELS)
    mixed = np.stack([np.interp(at, np.arange(len(anchors)), anchors[:, channel]) for channel in range(3)], axis=1)
    return np.rint(mixed).astype(np.uint8)
