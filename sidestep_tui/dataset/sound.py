"""What a song looks like: the outline of its waveform and its spectrum over time, small enough to keep.

The terminal application and the command line draw it, each in its own way, in cells of the same levels and labels.
"""

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform, read_audio
from sidestep_tui.dataset.measure import Measures, measure
from sidestep_tui.dataset.song import Song

SLICES: Final = 480
"""Columns over the length of a song."""
BANDS: Final = 64
"""Frequency bands from `LOWEST` to `HIGHEST`, equally wide in octaves."""
LOWEST, HIGHEST = 40.0, 20_000.0
FULL_LENGTH: Final = 660.0
"""Seconds that are decoded; longer than any song that the model was made for."""

LABEL_CELLS: Final = 5
"""Width of a frequency label."""
LEVELS: Final = 9
"""Steps from silence to the loudest place in a drawing."""

_TICKS: Final = (16_000, 4_000, 1_000, 250, 60)
_WINDOW: Final = 4096
_FRAMES_PER_SLICE: Final = 2
_RANGE_DB: Final = 70.0
_QUIETEST_DB: Final = 0.0
"""What a sine at -60 dB of full scale gives in its line; music whose loudest place is below it stays dark."""

Picture = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A song in pictures; equal only to itself."""

    seconds: float
    """Of audio that was decoded."""
    low: Picture
    """[SLICES], lowest sample of each slice, both sides together."""
    high: Picture
    """[SLICES], highest sample."""
    spectrum: Picture
    """[BANDS, SLICES], lowest band first: 1 is the loudest place of the song, 0 is 70 dB below or less."""
    measures: Measures | None
    """None where only the beginning was decoded."""


def look_at(path: Path) -> Sound:
    """Decodes a song and draws it. Takes a second for a few minutes of music: call it in a thread.

    Raises:
        SidestepError: the file cannot be decoded.
    """
    waveform = read_audio(path, max_seconds=FULL_LENGTH)
    seconds = waveform.shape[1] / SAMPLE_RATE
    low, high = _outline(waveform)
    whole = measure(waveform) if seconds < FULL_LENGTH else None
    return Sound(seconds, low, high, _spectrum(waveform), whole)


class SoundCache:
    """The sounds that were looked at last. For one thread at a time."""

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._held: OrderedDict[tuple[Path, int, int], Sound] = OrderedDict()

    def known(self, song: Song) -> Sound | None:
        """The sound of a song, if it was looked at since its file changed."""
        place = _place(song)
        if place in self._held:
            self._held.move_to_end(place)
        return self._held.get(place)

    def keep(self, song: Song, sound: Sound) -> None:
        """Keeps a sound and forgets the one that was used longest ago."""
        self._held[_place(song)] = sound
        while len(self._held) > self._size:
            self._held.popitem(last=False)


def shrink(picture: Picture, columns: int) -> Picture:
    """A picture [rows, SLICES] in so many columns: each is the mean of the slices that it covers."""
    edges = np.linspace(0, picture.shape[1], columns + 1)
    starts = np.minimum(edges[:-1].astype(int), picture.shape[1] - 1)
    ends = np.maximum(starts + 1, np.ceil(edges[1:]).astype(int))
    return np.stack([picture[:, start:end].mean(axis=1) for start, end in zip(starts, ends, strict=True)], axis=1)


def drawn_levels(sound: Sound, columns: int, rows: int) -> npt.NDArray[np.int64]:
    """[rows, columns] whole numbers below `LEVELS`, the lowest band first."""
    wide = shrink(sound.spectrum, columns)
    return np.rint(shrink(wide.T, rows).T * (LEVELS - 1)).astype(np.int64)


def frequency_labels(rows: int) -> list[str]:
    """`16k`, `4k`, … beside the lines in which those frequencies lie."""
    labels = [" " * LABEL_CELLS] * rows
    for frequency in _TICKS:
        height = np.log(frequency / LOWEST) / np.log(HIGHEST / LOWEST)
        row = rows - 1 - min(rows - 1, int(height * rows))
        text = f"{frequency // 1000}k" if frequency >= 1000 else str(frequency)
        labels[row] = text.rjust(LABEL_CELLS - 1) + " "
    return labels


def time_line(seconds: float, columns: int) -> str:
    """Minutes for under a picture, at least twelve cells apart."""
    steps = (5, 10, 15, 30, 60, 120, 300)
    step = next((one for one in steps if one / max(seconds, 1e-9) * columns >= 12), steps[-1])
    line = ""
    for time in range(0, int(seconds) + 1, step):
        place = round(time / max(seconds, 1e-9) * columns)
        if place + 5 <= columns:
            line = line.ljust(place) + f"{time // 60}:{time % 60:02d}"
    return line.ljust(columns)


def _place(song: Song) -> tuple[Path, int, int]:
    return song.audio_path, song.audio.size, song.audio.mtime_ns


def _outline(waveform: Waveform) -> tuple[Picture, Picture]:
    edges = np.linspace(0, waveform.shape[1], SLICES + 1).astype(int)
    starts = np.minimum(edges[:-1], waveform.shape[1] - 1)
    low = np.minimum.reduceat(waveform.min(axis=0), starts)
    high = np.maximum.reduceat(waveform.max(axis=0), starts)
    return low, high


def _spectrum(waveform: Waveform) -> Picture:
    """Short-time spectra at evenly spaced places, summed into bands; a long song is sampled, not read through."""
    mono = waveform.mean(axis=0)
    mono = np.pad(mono, (0, max(0, _WINDOW - mono.size)))
    starts = np.linspace(0, mono.size - _WINDOW, SLICES * _FRAMES_PER_SLICE).astype(int)
    window = np.hanning(_WINDOW).astype(np.float32)
    edges = _band_edges()
    power = np.empty((BANDS, starts.size), dtype=np.float64)
    for first in range(0, starts.size, 64):  # a few frames at a time keep the memory small
        frames = np.stack([mono[start : start + _WINDOW] for start in starts[first : first + 64]]) * window
        lines = np.abs(np.fft.rfft(frames, axis=1)) ** 2
        power[:, first : first + 64] = np.add.reduceat(lines, edges[:-1], axis=1)[:, :BANDS].T
    per_line = power / np.maximum(np.diff(edges), 1)[:, None]
    slices = per_line.reshape(BANDS, SLICES, _FRAMES_PER_SLICE).mean(axis=2)
    decibels = 10 * np.log10(np.maximum(slices, 1e-12))
    loudest = max(float(decibels.max()), _QUIETEST_DB)
    return np.asarray(np.clip((decibels - loudest) / _RANGE_DB + 1, 0, 1), dtype=np.float32)


def _band_edges() -> npt.NDArray[np.int64]:
    """[BANDS + 1] spectral lines; every band has at least one, so the lowest are a little wider than their octaves."""
    frequencies = np.geomspace(LOWEST, HIGHEST, BANDS + 1)
    edges = np.rint(frequencies * _WINDOW / SAMPLE_RATE).astype(np.int64)
    for index in range(1, edges.size):
        edges[index] = max(edges[index], edges[index - 1] + 1)
    return edges
