"""Key: pitch classes compared with how often each degree occurs in major and minor pieces.

The profiles are Albrecht and Shanahan, "The use of large corpora to train a new type of key-finding algorithm" (2013);
on the benchmark they were ahead of Krumhansl-Kessler, Temperley and Temperley-Kostka-Payne.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from sidestep_tui.dataset.analysis.chroma import chroma
from sidestep_tui.dataset.analysis.result import Guess
from sidestep_tui.dataset.analysis.spectrum import Array
from sidestep_tui.dataset.audio import Waveform

NOTES: Final = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)
_SEGMENT_FRAMES = 24
"""4.5 seconds: a few chords."""
_END_FRAMES = 12
_END_WEIGHT = 0.15
"""Songs like to end on their tonic, but many fade out: the end has a small voice of its own."""
_BELIEF = 18.0
"""Makes shares of belief from correlations; on the benchmark's first seeds they equal the share that is right."""


def find_key(waveform: Waveform, sample_rate: int) -> Guess[str] | None:
    """The key of a song, [channels, samples]; None where no pitch is heard."""
    classes = chroma(waveform, sample_rate)
    if len(classes) == 0:
        return None
    segments = np.array_split(classes, max(1, len(classes) // _SEGMENT_FRAMES))
    likeness = np.mean([_likeness(segment.mean(axis=0)) for segment in segments], axis=0)
    likeness = likeness + _END_WEIGHT * _likeness(classes[-_END_FRAMES:].mean(axis=0))
    beliefs = np.exp(_BELIEF * (likeness - likeness.max()))
    best, second = np.argsort(-beliefs, kind="stable")[:2]
    return Guess(_name(int(best)), float(beliefs[best] / beliefs.sum()), _name(int(second)))


def _likeness(classes: Array) -> npt.NDArray[np.float64]:
    """Correlation with all 24 keys: C major to B major, then C minor to B minor."""
    profiles = np.stack([np.roll(profile, tonic) for profile in (_MAJOR, _MINOR) for tonic in range(12)])
    return np.asarray(_standard(profiles) @ _standard(classes[None])[0] / 12, dtype=np.float64)


def _standard(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    deviation = np.maximum(rows.std(axis=1, keepdims=True), 1e-9)
    return np.asarray((rows - rows.mean(axis=1, keepdims=True)) / deviation, dtype=np.float64)


def _name(index: int) -> str:
    return f"{NOTES[index % 12]} {'major' if index < 12 else 'minor'}"
