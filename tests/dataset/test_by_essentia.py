"""Keys by Essentia: its words become ours, and without it the fix is named. Its own library is not needed here."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sidestep_tui.dataset.analysis import builtin, by_essentia
from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.label import ANALYSERS, label_dataset
from sidestep_tui.dataset.session import load_dataset
from sidestep_tui.errors import SidestepError

RATE = 48_000


def song(seconds: float = 8.0) -> np.ndarray:
    """A broken C major chord, two notes a second."""
    t = np.arange(int(seconds * RATE)) / RATE
    notes = np.array([261.63, 329.63, 392.0, 523.25])[(2 * t).astype(int) % 4]
    tone = (np.sin(2 * np.pi * notes * t) * np.exp(-4 * (t % 0.5))).astype(np.float32)
    return np.stack([tone, tone])


@pytest.fixture
def hears(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, float], None]:
    """Puts an Essentia in place that always gives one answer."""

    def answer(tonic: str, scale: str, strength: float) -> None:
        class KeyExtractor:
            def __init__(self, **options: object) -> None:
                assert options == {"profileType": "edma", "sampleRate": RATE}

            def __call__(self, mono: np.ndarray) -> tuple[str, str, float]:
                assert (mono.dtype, mono.ndim, mono.flags.c_contiguous) == (np.float32, 1, True)
                return tonic, scale, strength

        package, standard = ModuleType("essentia"), ModuleType("essentia.standard")
        package.standard = standard  # type: ignore[attr-defined]
        standard.KeyExtractor = KeyExtractor  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "essentia", package)
        monkeypatch.setitem(sys.modules, "essentia.standard", standard)
        monkeypatch.setattr(by_essentia, "is_installed", lambda: True)

    return answer


@pytest.mark.parametrize(
    ("tonic", "scale", "key", "relative"),
    [
        ("C#", "minor", "C# minor", "E major"),
        ("Bb", "major", "Bb major", "G minor"),
        ("G#", "minor", "Ab minor", "B major"),
        ("A", "minor", "A minor", "C major"),
    ],
)
def test_its_key_takes_the_place_of_ours(
    hears: Callable[[str, str, float], None], tonic: str, scale: str, key: str, relative: str
) -> None:
    hears(tonic, scale, 0.8)
    ours, found = builtin.analyse(song(), RATE), by_essentia.analyse(song(), RATE)
    assert (found.bpm, found.timesignature) == (ours.bpm, ours.timesignature)
    assert ours.keyscale is not None
    assert found.keyscale is not None
    assert (found.keyscale.value, found.keyscale.confidence) == (key, 0.8)
    assert found.keyscale.second == (relative if ours.keyscale.value == key else ours.keyscale.value)


def test_what_has_no_pitch_is_not_asked_about(hears: Callable[[str, str, float], None]) -> None:
    hears("C", "major", 0.9)
    assert by_essentia.analyse(np.zeros((2, 8 * RATE), np.float32), RATE).keyscale is None


def test_where_it_is_missing_the_fix_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(by_essentia, "is_installed", lambda: False)
    write_audio(tmp_path / "a.wav", song())
    labels = label_dataset(load_dataset(tmp_path), ("keyscale",), ANALYSERS["essentia"])
    with pytest.raises(SidestepError, match="not installed") as caught:
        list(labels)
    assert "pip install" in (caught.value.fix or "")


def test_every_guess_says_who_made_it(hears: Callable[[str, str, float], None], tmp_path: Path) -> None:
    hears("F#", "minor", 0.7)
    write_audio(tmp_path / "a.wav", song())
    dataset = load_dataset(tmp_path)
    (labels,) = label_dataset(dataset, ("keyscale",), ANALYSERS["essentia"], analyser_name="essentia")
    assert labels.edit is not None
    assert labels.edit.changes == {"keyscale": "F# minor"}
    assert (labels.edit.beliefs["keyscale"].by, labels.edit.beliefs["keyscale"].confidence) == ("essentia", 0.7)
