"""What only the sound itself shows: loudness, clipping, silence at the ends, false stereo, the bandwidth of a codec."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform
from sidestep_tui.dataset.fingerprint import SECONDS, encode, fingerprint

_HOP = SAMPLE_RATE // 10
_HOPS_PER_BLOCK = 4
_PORTION = 100 * _HOP
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
# The two stages of K-weighting at 48 kHz: ITU-R BS.1770-5, annex 1, tables 1 and 2.
_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_FULL_SCALE = 0.999
_CLIPPED_RUN = 4
_SILENCE_FRAME = 480
SILENCE_PEAK = 10 ** (-60.0 / 20)
"""Samples up to here are silence: -60 dB of full scale."""
OFF_SCALE_PEAK = 10.0
"""No mix goes 20 dB over full scale: what does is damaged, or written in numbers of another scale.

The VAE makes latents of it that are thousands of times those of music, and one such song drowns all others.
"""
_SAME_SIDES_DB = -60.0
_SPECTRUM = 4096
_SPECTRUM_EVERY = SAMPLE_RATE // 4
_FLOOR_DB = -115.0
"""Per spectral line: above what 16-bit rounding leaves (-131), below any music."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What was measured of one song."""

    loudness: float | None
    """Integrated loudness in LUFS (ITU-R BS.1770); None for silence or less than 0.4 s."""
    peak: float
    """Largest sample, 1.0 is full scale."""
    clipped_runs: int
    """Places where at least four samples in a row are at full scale."""
    silence_start: float
    """Seconds below -60 dB at the beginning; the whole length for a silent song."""
    silence_end: float
    """Seconds below -60 dB at the end."""
    false_stereo: bool
    """Both sides are the same."""
    bandwidth: float
    """Hz, above which there is nothing: lossy codecs cut at 16 kHz (128 kbit/s) to 20 kHz (320 kbit/s)."""
    fingerprint: str = ""
    """As `fingerprint.encode` writes it: tells the same recording in another file."""
    seconds: float | None = None
    """How much could be decoded; less than the header says where a file was not copied whole."""


def measure(waveform: Waveform) -> Measures:
    """Measures a song.

    Args:
        waveform: [2, samples] at 48 kHz with at least one sample, as `audio.read_audio` gives it.
    """
    meter = Meter()
    meter.add(waveform)
    return meter.result()


def measure_pieces(pieces: Iterable[Waveform]) -> Measures:
    """Measures a recording that is too long to be held, piece by piece; the figures are those of the whole."""
    meter = Meter()
    for piece in pieces:
        meter.add(piece)
    return meter.result()


class Meter:
    """Measures sound as it comes; what it keeps of an hour are some megabytes."""

    def __init__(self) -> None:
        self._rest: Waveform = np.empty((2, 0), dtype=np.float32)
        self._powers: list[npt.NDArray[np.float64]] = []
        self._peaks: list[npt.NDArray[np.float32]] = []
        self._clipping = _Clipping()
        self._side = self._middle = 0.0
        self._peak = 0.0
        self._samples = 0
        self._spectrum = np.zeros(_SPECTRUM // 2 + 1)
        self._spectra = 0
        self._beginning = _Beginning()

    def add(self, waveform: Waveform) -> None:
        """The next piece, [2, samples] at 48 kHz."""
        for start in range(0, waveform.shape[1], _PORTION):  # ten seconds at a time keep the memory small
            piece = np.concatenate([self._rest, waveform[:, start : start + _PORTION]], axis=1)
            whole = piece.shape[1] // _HOP * _HOP
            self._take(piece[:, :whole])
            self._rest = piece[:, whole:]

    def result(self) -> Measures:
        """The measures of all pieces together."""
        self._take(self._rest)
        self._rest = self._rest[:, :0]
        start, end = self._silence()
        return Measures(
            loudness=_gated(np.concatenate(self._powers) if self._powers else np.empty(0)),
            peak=self._peak,
            clipped_runs=self._clipping.count(),
            silence_start=start,
            silence_end=end,
            false_stereo=self._side <= self._middle * 10 ** (_SAME_SIDES_DB / 10),
            bandwidth=self._bandwidth(),
            fingerprint=encode(fingerprint(self._beginning.waveform())),
            seconds=self._samples / SAMPLE_RATE,
        )

    def _take(self, piece: Waveform) -> None:
        """A piece of whole hops, or the last one."""
        if piece.shape[1] == 0:
            return
        frames = piece.shape[1] // _SILENCE_FRAME
        cut = np.abs(piece[:, : frames * _SILENCE_FRAME]).reshape(2, frames, _SILENCE_FRAME)
        self._peaks.append(cut.max(axis=(0, 2)))
        self._peak = max(self._peak, float(np.abs(piece).max()))
        self._samples += piece.shape[1]
        self._clipping.add(piece)
        self._powers.append(_hop_powers(piece))
        self._side += float(np.sum((piece[0] - piece[1]) ** 2, dtype=np.float64))
        self._middle += float(np.sum((piece[0] + piece[1]) ** 2, dtype=np.float64))
        self._beginning.add(piece)
        self._look_at_spectrum(piece)

    def _silence(self) -> tuple[float, float]:
        """Seconds of silence at both ends, in steps of 10 ms."""
        peaks = np.concatenate(self._peaks) if self._peaks else np.empty(0)
        loud = np.flatnonzero(peaks > SILENCE_PEAK)
        seconds = _SILENCE_FRAME / SAMPLE_RATE
        if loud.size == 0:
            return peaks.size * seconds, peaks.size * seconds
        return float(loud[0] * seconds), float((peaks.size - 1 - loud[-1]) * seconds)

    def _look_at_spectrum(self, piece: Waveform) -> None:
        """Adds the power spectrum of four frames a second."""
        mono = piece.mean(axis=0)
        starts = range(0, mono.size - _SPECTRUM + 1, _SPECTRUM_EVERY)
        if starts:
            window = np.hanning(_SPECTRUM)
            frames = np.stack([mono[start : start + _SPECTRUM] for start in starts]) * window
            self._spectrum += (np.abs(np.fft.rfft(frames, axis=1)) ** 2).sum(axis=0) * (2 / window.sum()) ** 2
            self._spectra += len(starts)

    def _bandwidth(self) -> float:
        """The highest frequency that is above the floor on average."""
        if self._spectra == 0:
            return SAMPLE_RATE / 2
        audible = np.flatnonzero(10 * np.log10(np.maximum(self._spectrum / self._spectra, 1e-30)) > _FLOOR_DB)
        return float(audible[-1] * SAMPLE_RATE / _SPECTRUM) if audible.size else 0.0


class _Clipping:
    """Counts runs of samples at full scale, across the edges of pieces."""

    def __init__(self) -> None:
        self._ended = 0
        self._open = [0, 0]
        """For each side how long the run is that reaches the edge, as far as that matters."""

    def add(self, piece: Waveform) -> None:
        for side, samples in enumerate(piece):
            if not self._open[side] and float(np.abs(samples).max()) < _FULL_SCALE:
                continue
            full = np.concatenate([np.ones(self._open[side], dtype=bool), np.abs(samples) >= _FULL_SCALE])
            edges = np.flatnonzero(np.diff(np.concatenate([[False], full, [False]]).astype(np.int8)))
            runs = edges[1::2] - edges[::2]
            self._open[side] = min(_CLIPPED_RUN, int(runs[-1])) if full[-1] else 0
            self._ended += int((runs[: runs.size - int(full[-1])] >= _CLIPPED_RUN).sum())

    def count(self) -> int:
        return self._ended + sum(run >= _CLIPPED_RUN for run in self._open)


class _Beginning:
    """Keeps what the fingerprint needs: a minute from where the recording is first heard, and a little before."""

    def __init__(self) -> None:
        self._kept: list[Waveform] = []
        self._samples = 0

    def add(self, piece: Waveform) -> None:
        enough = (SECONDS + 2 * _PORTION / SAMPLE_RATE) * SAMPLE_RATE
        if self._samples < enough and (self._kept or float(np.abs(piece.mean(axis=0)).max()) > SILENCE_PEAK):
            self._kept.append(piece.copy())
            self._samples += piece.shape[1]

    def waveform(self) -> Waveform:
        return np.concatenate(self._kept, axis=1) if self._kept else np.empty((2, 0), dtype=np.float32)


def loudness(waveform: Waveform) -> float | None:
    """Integrated loudness in LUFS after ITU-R BS.1770, gated.

    The K-weighting is applied to the power spectrum of each tenth of a second, which differs from the recursive filter
    only by the filter's few milliseconds of memory at the edges: less than 0.05 LU on music.

    Args:
        waveform: [2, samples] at 48 kHz.

    Returns:
        None where every block is below the absolute gate of -70, or there is no whole block.
    """
    starts = range(0, waveform.shape[1], _PORTION)
    portions = [_hop_powers(waveform[:, start : start + _PORTION]) for start in starts]
    return _gated(np.concatenate(portions) if portions else np.empty(0))


def _gated(hops: npt.NDArray[np.float64]) -> float | None:
    """Loudness from the weighted mean square of every tenth of a second, in blocks of 0.4 s."""
    if hops.size < _HOPS_PER_BLOCK:
        return None
    powers = np.convolve(hops, np.full(_HOPS_PER_BLOCK, 1 / _HOPS_PER_BLOCK), mode="valid")
    powers = powers[_lufs(powers) > _ABSOLUTE_GATE]
    if powers.size == 0:
        return None
    gated = powers[_lufs(powers) > float(_lufs(powers.mean())) + _RELATIVE_GATE]
    return float(_lufs(gated.mean()))


def _hop_powers(waveform: Waveform) -> npt.NDArray[np.float64]:
    """Weighted mean square of each whole tenth of a second, summed over both sides."""
    hops = waveform.shape[1] // _HOP
    cut = waveform[:, : hops * _HOP].reshape(waveform.shape[0], hops, _HOP)
    return np.asarray((np.abs(np.fft.rfft(cut, axis=2)) ** 2 @ _power_weights(_HOP)).sum(axis=0))


@cache
def _power_weights(size: int) -> npt.NDArray[np.float64]:
    """Per spectral line: what its squared magnitude adds to the K-weighted mean square of `size` samples (Parseval)."""
    unit = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = np.ones_like(unit)
    for above, below in (_SHELF, _HIGH_PASS):
        response *= np.polyval(above[::-1], unit) / np.polyval(below[::-1], unit)
    sides = np.full(unit.size, 2.0)  # each line but the outermost stands for its mirror image too
    sides[0] = sides[-1] = 1.0
    return np.asarray(np.abs(response) ** 2 * sides / size**2, dtype=np.float64)


def _lufs(power: npt.NDArray[np.float64] | np.float64) -> npt.NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-20)))
