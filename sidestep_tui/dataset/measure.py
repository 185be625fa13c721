"""What only the sound itself shows: loudness, clipping, silence at the ends, false stereo, the bandwidth of a codec."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform
from sidestep_tui.dataset.fingerprint import encode, fingerprint

_HOP = SAMPLE_RATE // 10
_HOPS_PER_BLOCK = 4
_PORTION = 100
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
# The two stages of K-weighting at 48 kHz: ITU-R BS.1770-5, annex 1, tables 1 and 2.
_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_FULL_SCALE = 0.999
_CLIPPED_RUN = 4
_SILENCE_FRAME = 480
SILENCE_PEAK = 10 ** (-60.0 / 20)
"""Samples up to here are silence: -60 dB of full scale."""
LONGEST_MEASURED = 900.0
"""Seconds of a recording that are measured, so that one of two hours fits into the memory."""
_SAME_SIDES_DB = -60.0
_SPECTRUM = 4096
_SPECTRUM_FRAMES = 400
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


def measure(waveform: Waveform, *, whole: bool = True) -> Measures:
    """Measures a song.

    Args:
        waveform: [2, samples] at 48 kHz with at least one sample, as `audio.read_audio` gives it.
        whole: False where the recording goes on after the waveform, so that a pause there is not its end.
    """
    start, end = _silence(waveform)
    peak = float(np.abs(waveform).max(initial=0.0))
    return Measures(
        loudness=loudness(waveform),
        peak=peak,
        clipped_runs=_clipped_runs(waveform) if peak >= _FULL_SCALE else 0,
        silence_start=start,
        silence_end=end if whole else 0.0,
        false_stereo=_is_false_stereo(waveform),
        bandwidth=_bandwidth(waveform),
        fingerprint=encode(fingerprint(waveform)),
    )


def loudness(waveform: Waveform) -> float | None:
    """Integrated loudness in LUFS after ITU-R BS.1770, gated.

    The K-weighting is applied to the power spectrum of each tenth of a second, which differs from the recursive filter
    only by the filter's few milliseconds of memory at the edges: less than 0.05 LU on music.

    Args:
        waveform: [2, samples] at 48 kHz.

    Returns:
        None where every block is below the absolute gate of -70, or there is no whole block.
    """
    powers = _block_powers(waveform)
    powers = powers[_lufs(powers) > _ABSOLUTE_GATE]
    if powers.size == 0:
        return None
    gated = powers[_lufs(powers) > float(_lufs(powers.mean())) + _RELATIVE_GATE]
    return float(_lufs(gated.mean()))


def _block_powers(waveform: Waveform) -> npt.NDArray[np.float64]:
    """Weighted mean square of each block of 0.4 s, every 0.1 s, summed over both sides."""
    hops = waveform.shape[1] // _HOP
    if hops < _HOPS_PER_BLOCK:
        return np.empty(0)
    cut = waveform[:, : hops * _HOP].reshape(waveform.shape[0], hops, _HOP)
    weights = _power_weights(_HOP)
    powers = np.empty(hops)
    for start in range(0, hops, _PORTION):  # ten seconds at a time, so that an hour needs no more memory than a song
        spectrum = np.abs(np.fft.rfft(cut[:, start : start + _PORTION], axis=2)) ** 2
        powers[start : start + _PORTION] = (spectrum @ weights).sum(axis=0)
    return np.convolve(powers, np.full(_HOPS_PER_BLOCK, 1 / _HOPS_PER_BLOCK), mode="valid")


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


def _clipped_runs(waveform: Waveform) -> int:
    full = np.abs(waveform) >= _FULL_SCALE
    count = 0
    for side in full:
        edges = np.flatnonzero(np.diff(np.concatenate([[False], side, [False]]).astype(np.int8)))
        count += int((edges[1::2] - edges[::2] >= _CLIPPED_RUN).sum())
    return count


def _silence(waveform: Waveform) -> tuple[float, float]:
    """Seconds of silence at both ends, in steps of 10 ms."""
    frames = waveform.shape[1] // _SILENCE_FRAME
    if frames == 0:
        return 0.0, 0.0
    cut = waveform[:, : frames * _SILENCE_FRAME].reshape(waveform.shape[0], frames, _SILENCE_FRAME)
    loud = np.flatnonzero(np.abs(cut).max(axis=(0, 2)) > SILENCE_PEAK)
    seconds = _SILENCE_FRAME / SAMPLE_RATE
    if loud.size == 0:
        return frames * seconds, frames * seconds
    return float(loud[0] * seconds), float((frames - 1 - loud[-1]) * seconds)


def _is_false_stereo(waveform: Waveform) -> bool:
    side = float(np.mean((waveform[0] - waveform[1]) ** 2, dtype=np.float64))
    middle = float(np.mean((waveform[0] + waveform[1]) ** 2, dtype=np.float64))
    return side <= middle * 10 ** (_SAME_SIDES_DB / 10)


def _bandwidth(waveform: Waveform) -> float:
    """The highest frequency that is above the floor on average, over frames spread through the song."""
    mono = waveform.mean(axis=0)
    if mono.size < _SPECTRUM:
        return SAMPLE_RATE / 2
    starts = np.unique(np.linspace(0, mono.size - _SPECTRUM, _SPECTRUM_FRAMES).astype(int))
    window = np.hanning(_SPECTRUM)
    frames = np.stack([mono[start : start + _SPECTRUM] for start in starts]) * window
    power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2).mean(axis=0) * (2 / window.sum()) ** 2
    audible = np.flatnonzero(10 * np.log10(np.maximum(power, 1e-30)) > _FLOOR_DB)
    return float(audible[-1] * SAMPLE_RATE / _SPECTRUM) if audible.size else 0.0
