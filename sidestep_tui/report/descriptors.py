"""What a sound is like in a few figures, and how far it lies from a set of songs. Help for the ear, not a verdict.

Loudness after ITU-R BS.1770; spectral centroid, bandwidth (its deviation) and roll-off (85 % of the power below)
per frame as in Peeters, "A large set of audio features for sound description" (IRCAM, 2004), in octaves because
hearing is logarithmic; chroma as the mean share of power in the twelve pitch classes; onsets as peaks of the
half-wave rectified spectral flux (Dixon, "Onset detection revisited", DAFx 2006). Tempo and key are those of the data
set's own analyser. They become points of a circle, each as far from its middle as the analyser is sure: the tempo
within its octave, because half and double of it are the same pulse, and the key in the circle of fifths, where relative
keys share a place and neighbours differ by one note.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sidestep_tui.dataset.analysis.builtin import analyse
from sidestep_tui.dataset.analysis.key import NOTES
from sidestep_tui.dataset.analysis.result import Guess
from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform
from sidestep_tui.dataset.measure import loudness

Array = npt.NDArray[np.float64]

_WINDOW, _HOP = 4096, 2048
_PORTION: Final = 512
_ROLL_OFF: Final = 0.85
_SILENT: Final = 1e-9
_QUIETEST_LUFS: Final = -70.0
_CHROMA_HZ: Final = (55.0, 5000.0)
_ONSET_SPREAD: Final = 5
_ONSET_RISE: Final = 1.6
_LEAST_RISE: Final = 0.02  # of the frame's own magnitude: less is no event
_LOWEST_HZ: Final = 20.0


@dataclass(frozen=True, slots=True)
class Descriptors:
    """One sound. Frequencies are in octaves above 1 Hz (log2 of Hz); `chroma` has twelve shares that sum to 1."""

    loudness: float
    centroid: float
    centroid_spread: float
    bandwidth: float
    rolloff: float
    rolloff_spread: float
    onsets: float
    """Per second."""
    chroma: tuple[float, ...]
    tempo: Guess[float] | None
    """Beats per minute; None where there is no pulse."""
    key: Guess[str] | None
    """For example `F# minor`; None where there is no pitch."""


# What one step of each figure is worth at least: half of what is plainly heard, so that a uniform set of songs does
# not make every other sound infinitely far. In the order of `_groups`: a group counts once, however many its figures.
_FLOORS: Final = (
    np.array([2.0]),
    np.array([0.3, 0.2, 0.3, 0.3, 0.2]),
    np.array([1.0]),
    np.full(12, 0.04),
    np.full(2, 0.3),
    np.full(2, 0.3),
)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How near a sound is: its distance to the middle of the songs, and the song that is nearest to it."""

    distance: float
    nearest: str
    nearest_distance: float


def describe(waveform: Waveform) -> Descriptors:
    """Describes a sound of [2, samples] at 48 kHz; silent frames count for nothing."""
    mono = waveform.mean(axis=0, dtype=np.float64)
    mono = np.pad(mono, (0, max(0, _WINDOW - mono.size)))
    starts = range(0, mono.size - _WINDOW + 1, _HOP)
    parts = [_frames(mono, starts, at) for at in range(0, len(starts), _PORTION)]
    centroid, bandwidth, rolloff, flux, chroma = (np.concatenate(column) for column in zip(*parts, strict=True))
    heard = ~np.isnan(centroid)
    lufs = loudness(waveform)
    level = _QUIETEST_LUFS if lufs is None else lufs
    if not heard.any():
        return Descriptors(level, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, (1 / 12,) * 12, None, None)
    analysis = analyse(waveform, SAMPLE_RATE)
    classes = chroma[heard].mean(axis=0)
    return Descriptors(
        loudness=level,
        centroid=float(centroid[heard].mean()),
        centroid_spread=float(centroid[heard].std()),
        bandwidth=float(bandwidth[heard].mean()),
        rolloff=float(rolloff[heard].mean()),
        rolloff_spread=float(rolloff[heard].std()),
        onsets=_onsets(flux) * SAMPLE_RATE / mono.size,
        chroma=tuple((classes / classes.sum()).tolist()),
        tempo=analysis.bpm,
        key=analysis.keyscale,
    )


class SongSet:
    """The songs that sounds are held against.

    A distance is the root mean square over six groups (loudness, spectrum, onsets, chroma, tempo, key) of the
    differences, each in units of the songs' own deviation or of what is plainly heard, whichever is more.

    Args:
        songs: at least one, by name.
    """

    def __init__(self, songs: Sequence[tuple[str, Descriptors]]) -> None:
        self._names = [name for name, _ in songs]
        self._groups = [np.stack(columns) for columns in zip(*(_groups(d) for _, d in songs), strict=True)]
        self._scales = [
            np.maximum(values.std(axis=0), floor) for values, floor in zip(self._groups, _FLOORS, strict=True)
        ]

    def likeness(self, sound: Descriptors) -> Likeness:
        """How near a sound is to the songs."""
        distances = self._to(sound, self._groups)
        nearest = int(distances.argmin())
        middle = [values.mean(axis=0, keepdims=True) for values in self._groups]
        return Likeness(float(self._to(sound, middle)[0]), self._names[nearest], float(distances[nearest]))

    def usual_distance(self) -> float | None:
        """The median distance of a song to the one nearest to it; None for a single song."""
        if len(self._names) < 2:
            return None
        nearest = []
        for index in range(len(self._names)):
            one = [values[index] for values in self._groups]
            distances = _root_mean_square(one, self._groups, self._scales)
            nearest.append(float(np.delete(distances, index).min()))
        return float(np.median(nearest))

    def _to(self, sound: Descriptors, others: Sequence[Array]) -> Array:
        return _root_mean_square(_groups(sound), others, self._scales)


def _root_mean_square(one: Sequence[Array], others: Sequence[Array], scales: Sequence[Array]) -> Array:
    """Distances [songs] of one sound's groups to those of others [songs, figures]."""
    squares = [
        (((theirs - mine) / scale) ** 2).mean(axis=1) for mine, theirs, scale in zip(one, others, scales, strict=True)
    ]
    return np.asarray(np.sqrt(np.mean(squares, axis=0)), dtype=np.float64)


def _groups(d: Descriptors) -> tuple[Array, ...]:
    spectrum = (d.centroid, d.centroid_spread, d.bandwidth, d.rolloff, d.rolloff_spread)
    return (
        np.array([d.loudness]),
        np.array(spectrum),
        np.array([d.onsets]),
        np.array(d.chroma),
        _on_circle(0.0, 0.0) if d.tempo is None else _on_circle(float(np.log2(d.tempo.value)), d.tempo.confidence),
        _on_circle(0.0, 0.0) if d.key is None else _on_circle(_fifths(d.key.value) / 12, d.key.confidence),
    )


def _on_circle(turns: float, radius: float) -> Array:
    return radius * np.array([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)])


def _fifths(key: str) -> int:
    """The place of a key in the circle of fifths, C major and A minor at 0."""
    note, mode = key.split()
    pitch = NOTES.index(note) + (3 if mode == "minor" else 0)
    return pitch * 7 % 12


def _frames(mono: Array, starts: range, at: int) -> tuple[Array, ...]:
    """Centroid, bandwidth, roll-off (octaves; NaN in silence), flux [frames] and chroma [frames, 12] of one portion."""
    before = min(at, 1)  # the flux needs the frame before as well
    taken = starts[at - before : at + _PORTION]
    frames = np.stack([mono[start : start + _WINDOW] for start in taken]) * np.hanning(_WINDOW)
    lines: Array = np.arange(_WINDOW // 2 + 1, dtype=np.float64) * (SAMPLE_RATE / _WINDOW)
    audible = lines >= _LOWEST_HZ
    octaves = np.log2(lines[audible])
    power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2)[:, audible]
    total = power.sum(axis=1)
    shares = power / np.where(total > _SILENT, total, np.nan)[:, None]
    centroid = shares @ octaves
    bandwidth = np.sqrt(np.maximum(shares @ octaves**2 - centroid**2, 0))
    rolloff = octaves[np.argmax(np.cumsum(shares, axis=1) >= _ROLL_OFF, axis=1)]
    magnitude = np.log1p(100 * np.sqrt(power) / _WINDOW)
    rise = np.maximum(np.diff(magnitude, axis=0, prepend=magnitude[:1]), 0).sum(axis=1)
    flux = rise / np.maximum(magnitude.sum(axis=1), _SILENT)
    chroma: Array = np.matmul(np.nan_to_num(shares), _pitch_classes(lines[audible]))
    return tuple(column[before:] for column in (centroid, bandwidth, rolloff, flux, chroma))


def _pitch_classes(lines: Array) -> Array:
    """[lines, 12]: one where a spectral line is nearest to a pitch of the class (A is 0), in the range of melodies."""
    inside = (lines >= _CHROMA_HZ[0]) & (lines <= _CHROMA_HZ[1])
    classes = np.rint(12 * np.log2(lines / 440.0)).astype(int) % 12
    table: Array = (np.eye(12)[classes]) * inside[:, None]
    return table


def _onsets(flux: Array) -> int:
    """How many frames stand out of their surroundings and are the highest among their neighbours."""
    if flux.size < 2 * _ONSET_SPREAD:
        return 0
    around = np.convolve(flux, np.ones(2 * _ONSET_SPREAD + 1) / (2 * _ONSET_SPREAD + 1), mode="same")
    peak = (flux[1:-1] > flux[:-2]) & (flux[1:-1] >= flux[2:])
    return int((peak & (flux[1:-1] > _ONSET_RISE * around[1:-1]) & (flux[1:-1] > _LEAST_RISE)).sum())
