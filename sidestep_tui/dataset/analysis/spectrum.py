"""Short-time spectra for the analysers: plain numpy on one channel, so that the first call is as fast as the last."""

import numpy as np
import numpy.typing as npt

from sidestep_tui.dataset.audio import Waveform, resample

Array = npt.NDArray[np.float32]
_BLOCK = 4096
"""Frames transformed at once: a song's frames overlap, and all of them together would fill the memory."""


def to_mono(waveform: Waveform, sample_rate: int, wanted_rate: int) -> Array:
    """One channel at another sample rate, scaled to a root mean square of 1.

    Args:
        waveform: [channels, samples].
        sample_rate: of the waveform, in Hz.
        wanted_rate: of the result, in Hz.

    Returns:
        [samples]; zeros for a silent song.
    """
    mono = waveform.mean(axis=0, keepdims=True, dtype=np.float32)
    mono = mono if sample_rate == wanted_rate else resample(mono, sample_rate, wanted_rate)
    level = float(np.sqrt(np.mean(np.square(mono[0]), dtype=np.float64)))
    return np.asarray(mono[0] / level if level > 1e-6 else np.zeros_like(mono[0]), dtype=np.float32)


def magnitudes(samples: Array, window: int, hop: int) -> Array:
    """Magnitude spectra under a Hann window. [samples] to [frames, window // 2 + 1]; frames are centred."""
    padded = np.pad(samples, window // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    shape = np.hanning(window).astype(np.float32)
    blocks = [np.abs(np.fft.rfft(frames[at : at + _BLOCK] * shape, axis=1)) for at in range(0, len(frames), _BLOCK)]
    return np.asarray(np.concatenate(blocks), dtype=np.float32)


def mel_bands(window: int, sample_rate: int, count: int, lowest: float, highest: float) -> Array:
    """Triangular bands, equally wide on the mel scale (O'Shaughnessy 1987), each summing to 1. [lines, count]."""
    edges = np.linspace(_mel(lowest), _mel(highest), count + 2)
    frequencies = 700 * (10 ** (edges / 2595) - 1)
    bins = np.fft.rfftfreq(window, 1 / sample_rate)[:, None]
    # A band narrower than the spectrum's lines would miss them all.
    width = sample_rate / window
    rising = (bins - frequencies[:-2]) / np.maximum(np.diff(frequencies)[:-1], width)
    falling = (frequencies[2:] - bins) / np.maximum(np.diff(frequencies)[1:], width)
    bands = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(bands / np.maximum(bands.sum(axis=0), 1e-9), dtype=np.float32)


def autocorrelation(series: Array, lags: int) -> Array:
    """How much rows resemble the rows `lag` later, summed over columns; 1 at lag 0.

    Args:
        series: [frames, columns].
        lags: how many, from 0 on.

    Returns:
        [lags], each over as many frames as it has (unbiased); zeros for a series that does not change.
    """
    frames = len(series)
    centred = series - series.mean(axis=0)
    size = 1 << (frames + lags).bit_length()
    power = np.square(np.abs(np.fft.rfft(centred, size, axis=0))).sum(axis=1)
    found = np.fft.irfft(power, size)[:lags]
    counts = np.maximum(frames - np.arange(lags), 1)
    found = np.where(np.arange(lags) < frames, found / counts, 0.0)
    return np.asarray(found / found[0] if found[0] > 1e-12 else np.zeros(lags), dtype=np.float32)


def _mel(frequency: float) -> float:
    return float(2595 * np.log10(1 + frequency / 700))
