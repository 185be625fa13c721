"""Keys by Essentia's key finder, tempo and metre by our own: the better of each on the benchmark (docs/labelling.md).

Essentia is an extra of its own: its licence is the AGPL, and it has wheels for Linux and macOS alone.
"""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from sidestep_tui.dataset.analysis import builtin
from sidestep_tui.dataset.analysis.key import NOTES
from sidestep_tui.dataset.analysis.result import NOTHING, Analysis, Guess
from sidestep_tui.dataset.audio import Waveform
from sidestep_tui.errors import SidestepError

_PROFILES = "edma"
_FLATS = {"Db": "C#", "D#": "Eb", "Gb": "F#", "G#": "Ab", "A#": "Bb"}


def is_installed() -> bool:
    """Whether Essentia can be imported."""
    return find_spec("essentia") is not None


def check_installed() -> None:
    """Raises SidestepError where Essentia cannot be imported."""
    if not is_installed():
        raise SidestepError(
            "Essentia is not installed.", where="analyser", fix="pip install 'sidestep-tui[essentia]', or use builtin"
        )


def analyse(waveform: Waveform, sample_rate: int) -> Analysis:
    """Tempo, key and time signature of a song, [channels, samples] at a sample rate in Hz.

    Raises:
        SidestepError: Essentia is not installed.
    """
    check_installed()
    import essentia.standard

    found = builtin.analyse(waveform, sample_rate)
    if found is NOTHING or found.keyscale is None:
        return found
    mono = np.ascontiguousarray(waveform.mean(axis=0), dtype=np.float32)
    tonic, scale, strength = essentia.standard.KeyExtractor(profileType=_PROFILES, sampleRate=sample_rate)(mono)
    key = f"{_FLATS.get(tonic, tonic)} {scale}"
    second = found.keyscale.value if found.keyscale.value != key else _relative(key)
    return replace(found, keyscale=Guess(key, min(max(float(strength), 0.0), 1.0), second))


def _relative(key: str) -> str:
    """The minor key with the notes of a major one, or the other way round."""
    tonic, scale = key.split()
    steps, other = (-3, "minor") if scale == "major" else (3, "major")
    return f"{NOTES[(NOTES.index(tonic) + steps) % 12]} {other}"
