"""Whether a sample repeats training audio: its latents, window by window, held against those of every training song.

Two windows are compared by their normalised correlation over time, all channels together, each channel freed of its
mean over the window: 1 is the same passage, also where it is louder or brighter as a whole. It finds passages that are
taken over; it does not find a melody that is played on another instrument or at another tempo.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file

from sidestep_tui.report.figures import counted, duration, number
from sidestep_tui.report.html import Html, element, name_of, section, table
from sidestep_tui.report.samples import Group

Array = npt.NDArray[np.float32]

LATENT_RATE: Final = 25
WINDOW: Final = 4 * LATENT_RATE
"""Frames: four seconds, about two bars. Shorter passages recur in any music; longer ones are seldom copied whole."""

LEAST_THRESHOLD: Final = 0.6
"""A passage is never flagged below this correlation, however unlike each other the training songs are."""

_HOP: Final = WINDOW // 4
_MOST_SONGS: Final = 60
_MOST_MEASURED: Final = 12
_WINDOWS_OF_A_SONG: Final = 4
_USUAL_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Match:
    """The passage of a sample that is most like one of a training song. Times are in seconds."""

    song: str
    correlation: float
    at: float
    in_song: float


@dataclass(frozen=True, slots=True)
class _Song:
    """A training song ready for the search: its spectrum, and the norm of each of its windows."""

    key: str
    latents: Array
    spectrum: npt.NDArray[np.complex64]
    norms: Array


class TrainingLatents:
    """The latents of the training songs, searched with the latents of samples.

    Args:
        songs: by key, each [T, C]. Songs shorter than a window are left out.
    """

    def __init__(self, songs: Mapping[str, Array]) -> None:
        self._songs = [_prepared(key, latents) for key, latents in songs.items() if len(latents) >= WINDOW]
        self.threshold = self._calibrated()

    def __len__(self) -> int:
        return len(self._songs)

    def nearest(self, latents: Array) -> Match | None:
        """The best match of any window of a sample [T, C]; None where it is shorter than a window."""
        return _best(latents, self._songs, range(0, len(latents) - WINDOW + 1, _HOP))

    def _calibrated(self) -> float:
        """Midway between a copy (1) and what nine of ten of these songs reach among the others, without any copying."""
        some = self._songs[:: max(1, -(-len(self._songs) // _MOST_MEASURED))]
        usual = []
        for song in some:
            others = [other for other in some if other is not song]
            starts = np.linspace(0, len(song.latents) - WINDOW, _WINDOWS_OF_A_SONG).astype(int).tolist()
            match = _best(song.latents, others, starts)
            if match is not None:
                usual.append(match.correlation)
        reached = float(np.quantile(usual, _USUAL_SHARE)) if usual else 0.0
        return max(LEAST_THRESHOLD, (1 + reached) / 2)


def read_latents(path: Path, name: str = "latents") -> Array | None:
    """A tensor [T, C] of a safetensors file; None where it is not there or cannot be read."""
    try:
        found = load_file(path).get(name)
    except (OSError, SafetensorError, KeyError, TypeError):  # numpy has no bfloat16
        return None
    return None if found is None or found.ndim != 2 else np.asarray(found, dtype=np.float32)


def training_latents(tensors: Path) -> TrainingLatents | None:
    """The songs of a tensor folder, at most 60 spread evenly over it; None where there are none to be read."""
    try:
        songs = json.loads((tensors / "manifest.json").read_text(encoding="utf-8"))["songs"]
        places = [(str(song["key"]), tensors / str(song["file"])) for song in songs]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    read = dict(_read(places[:: max(1, -(-len(places) // _MOST_SONGS))]))
    return TrainingLatents(read) if read else None


def novelty_section(groups: Sequence[Group], training: TrainingLatents | None) -> Html | None:
    """The best match of every sample in the training songs; None where no sample's latents were kept."""
    takes = [(group, take) for group in groups for take in group.takes if take.latents is not None]
    if not takes:
        return None
    if not training:
        words = "The run's tensors were not found here, so that nothing can be said about copying."
        return section("novelty", "Novelty", element("p", words, class_="note"))
    rows = []
    for group, take in takes:
        latents = None if take.latents is None else read_latents(take.latents)
        match = None if latents is None else training.nearest(latents)
        rows.append([name_of(group.prompt), f"seed {group.seed}", take.label, *_told(match, training.threshold)])
    return section(
        "novelty",
        "Novelty",
        element(
            "p",
            element("strong", "A help for the ear, not a verdict. "),
            "The four seconds of each sample that are most like four seconds of a training song "
            f"({counted(len(training), 'song')}), by the correlation of their latents: 1 is the same passage. Flagged "
            f"is what lies above {training.threshold:.2f}, midway between a copy and what nine of ten of these songs "
            "reach among each other. A borrowed tune on another instrument is not found.",
        ),
        table(["prompt", "seed", "sample", "", "nearest song", "correlation", "at", "in the song"], rows),
    )


def _told(match: Match | None, threshold: float) -> list[Html | str]:
    if match is None:
        return ["", "–", "–", "–", "–"]
    flag = element("span", "repeats training audio?", class_="tag failed") if match.correlation > threshold else ""
    places = duration(match.at), duration(match.in_song)
    return [flag, name_of(match.song), number(match.correlation, 2), *places]


def _read(places: Sequence[tuple[str, Path]]) -> Iterator[tuple[str, Array]]:
    for key, path in places:
        latents = read_latents(path, "latent_mean")
        if latents is not None:
            yield key, latents


def _prepared(key: str, latents: Array) -> _Song:
    size = 1 << (len(latents) + WINDOW - 1).bit_length()
    spectrum = np.fft.rfft(latents.T, size, axis=1).astype(np.complex64)
    sums, squares = (_running(values) for values in (latents.astype(np.float64), latents.astype(np.float64) ** 2))
    energies = (squares - sums**2 / WINDOW).sum(axis=1)
    return _Song(key, latents, spectrum, np.sqrt(np.maximum(energies, 1e-12)).astype(np.float32))


def _running(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sums over every window, [T - WINDOW + 1, C]."""
    totals = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return np.asarray(totals[WINDOW:] - totals[:-WINDOW], dtype=np.float64)


def _best(latents: Array, songs: Sequence[_Song], starts: Sequence[int]) -> Match | None:
    found: list[Match] = []
    for start in starts:
        window = latents[start : start + WINDOW]
        window = window - window.mean(axis=0)
        norm = float(np.linalg.norm(window))
        if norm < 1e-6:  # silence is in every song
            continue
        spectra: dict[int, npt.NDArray[np.complex64]] = {}
        for song in songs:
            lines = song.spectrum.shape[1]
            size = 2 * (lines - 1)
            if lines not in spectra:
                spectra[lines] = np.conj(np.fft.rfft(window.T, size, axis=1)).astype(np.complex64)
            products = np.fft.irfft((song.spectrum * spectra[lines]).sum(axis=0), size)[: song.norms.size]
            correlations = products / (norm * song.norms)
            place = int(correlations.argmax())
            found.append(Match(song.key, float(correlations[place]), start / LATENT_RATE, place / LATENT_RATE))
    return max(found, key=lambda match: match.correlation, default=None)
