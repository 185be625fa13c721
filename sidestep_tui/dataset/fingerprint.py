"""Fingerprints of recordings: which files hold the same one, whatever their format, level, or first few seconds.

After J. Haitsma and T. Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): every frame gives 32 bits,
the signs of how the energy differences of neighbouring bands change over time; two frames of the same music differ in
few of them. Chromaprint has no kept wheel that brings its library along.
"""

import base64
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform

SECONDS = 60.0
"""How much of a recording is fingerprinted, from where it is first heard."""
_HOP = 3072
_FRAME = 16_384
_BITS = 32
_LOWEST, _HIGHEST = 300.0, 3000.0
_SILENCE = 1e-3
_SAME_AT_MOST = 0.3
"""Share of differing bits: a copy 40 dB quieter differs in 0.25, the most alike of different songs in 0.44. Haitsma and
Kalker take 0.35."""
_SHORTEST_OVERLAP = 120
"""Frames: about 8 seconds."""
_VOTES = 3
_COMMON = 32
"""A word that more frames than this share says nothing: silence, a held note."""

Words = npt.NDArray[np.uint32]
"""[frames], one word of 32 bits for every `_HOP` samples."""


def fingerprint(waveform: Waveform) -> Words:
    """The fingerprint of a recording. [2, samples] at 48 kHz; empty for silence and for less than two frames."""
    mono = waveform.mean(axis=0)
    heard = np.flatnonzero(np.abs(mono) > _SILENCE)
    if heard.size == 0:
        return np.empty(0, dtype=np.uint32)
    mono = mono[heard[0] : heard[0] + int(SECONDS * SAMPLE_RATE)]
    count = (mono.size - _FRAME) // _HOP + 1
    if count < 2:
        return np.empty(0, dtype=np.uint32)
    energies = np.empty((count, _BITS + 1))
    window, edges = np.hanning(_FRAME).astype(np.float32), _band_edges()
    for frame in range(count):
        spectrum = np.abs(np.fft.rfft(mono[frame * _HOP : frame * _HOP + _FRAME] * window)) ** 2
        energies[frame] = np.add.reduceat(spectrum, edges)[:-1]
    changes = np.diff(energies[:, :-1] - energies[:, 1:], axis=0) > 0
    return np.asarray(np.packbits(changes, axis=1).view(">u4")[:, 0], dtype=np.uint32)


def encode(words: Words) -> str:
    """A fingerprint as text."""
    return base64.b64encode(words.astype("<u4").tobytes()).decode("ascii")


def decode(text: str) -> Words:
    """What `encode` wrote; empty for anything else."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return np.empty(0, dtype=np.uint32)
    return np.frombuffer(data[: len(data) // 4 * 4], dtype="<u4").astype(np.uint32)


def difference(one: Words, other: Words, offset: int) -> float:
    """Share of differing bits where frame `i + offset` of `one` lies beside frame `i` of `other`; 1 for no overlap."""
    start, end = max(0, offset), min(one.size, other.size + offset)
    if end - start < _SHORTEST_OVERLAP:
        return 1.0
    differing = np.bitwise_count(one[start:end] ^ other[start - offset : end - offset])
    return float(differing.mean() / _BITS)


def same_recordings(fingerprints: Mapping[str, Words]) -> list[tuple[str, str, float]]:
    """Pairs of recordings that are the same, each with its share of differing bits, by name.

    Candidates are those of which three frames at one distance have the very same word, so all pairs of thousands of
    songs need not be compared.
    """
    names = list(fingerprints)
    found = []
    for first, second, offset in _candidates([fingerprints[name] for name in names]):
        share = difference(fingerprints[names[first]], fingerprints[names[second]], offset)
        if share <= _SAME_AT_MOST:
            found.append((names[first], names[second], share))
    best = {}
    for one, other, share in sorted(found, key=lambda pair: -pair[2]):
        best[one, other] = share
    return sorted((one, other, share) for (one, other), share in best.items())


def _candidates(prints: list[Words]) -> list[tuple[int, int, int]]:
    """(song, later song, offset) with at least `_VOTES` equal words."""
    if sum(words.size for words in prints) == 0:
        return []
    words = np.concatenate(prints)
    song = np.repeat(np.arange(len(prints)), [one.size for one in prints])
    place = np.concatenate([np.arange(one.size) for one in prints])
    order = np.argsort(words, kind="stable")
    words, song, place = words[order], song[order], place[order]
    starts = np.flatnonzero(np.concatenate([[True], words[1:] != words[:-1]]))
    sizes = np.diff(np.append(starts, words.size))
    runs = np.repeat(sizes, sizes) <= _COMMON
    votes: list[npt.NDArray[np.int64]] = []
    for distance in range(1, _COMMON):  # neighbours in the sorted list, then those two apart, …
        same = (words[distance:] == words[:-distance]) & runs[distance:]
        same &= song[distance:] != song[:-distance]
        if same.any():
            first, second = np.flatnonzero(same), np.flatnonzero(same) + distance
            votes.append(np.stack([song[first], song[second], place[first] - place[second]], axis=1))
    if not votes:
        return []
    kinds, counts = np.unique(np.concatenate(votes), axis=0, return_counts=True)
    return [(int(a), int(b), int(offset)) for a, b, offset in kinds[counts >= _VOTES]]


def _band_edges() -> npt.NDArray[np.int64]:
    """[_BITS + 2] spectral lines: the bounds of 33 bands, equally wide in octaves, and the end of the last."""
    frequencies = np.geomspace(_LOWEST, _HIGHEST, _BITS + 2)
    return np.rint(frequencies * _FRAME / SAMPLE_RATE).astype(np.int64)
