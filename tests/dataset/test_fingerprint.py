"""The same recording in other files, and different ones that must not be taken for it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform, read_audio, resample, write_audio
from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.fingerprint import decode, encode, fingerprint, same_recordings
from sidestep_tui.dataset.label import label_dataset
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.scan import scan_folder


def music(seed: int, seconds: float = 20.0) -> Waveform:
    """Chords of decaying overtones that change every third of a second, on a little noise, [2, samples]."""
    chance = np.random.default_rng(seed)
    step = SAMPLE_RATE // 3
    time = np.arange(step) / SAMPLE_RATE
    bars = []
    for _ in range(round(seconds * 3)):
        roots = 110 * 2 ** (chance.integers(0, 24, 3) / 12)
        chord = sum(np.sin(2 * np.pi * root * part * time) / part for root in roots for part in (1, 2, 3, 4, 6))
        bars.append(chord * np.exp(-3 * time))
    mono = np.concatenate(bars) * 0.08
    return np.stack([mono, mono + 0.01 * chance.standard_normal(mono.size)]).astype(np.float32)


def through(suffix: str, rate: int = SAMPLE_RATE) -> Callable[[Waveform, Path], Waveform]:
    """Written in a lossy format and read back."""

    def go(waveform: Waveform, folder: Path) -> Waveform:
        path = folder / f"a{suffix}"
        write_audio(path, waveform if rate == SAMPLE_RATE else resample(waveform, SAMPLE_RATE, rate), rate)
        return read_audio(path)

    return go


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(through(".mp3"), id="mp3"),
        pytest.param(through(".ogg", 22_050), id="ogg at half the rate"),
        pytest.param(lambda waveform, _: 0.1 * waveform, id="quieter"),
        pytest.param(lambda waveform, _: np.repeat(waveform[:1], 2, axis=0), id="one side"),
        pytest.param(lambda waveform, _: waveform[:, 137_777:], id="trimmed"),
        pytest.param(lambda waveform, _: np.pad(waveform, ((0, 0), (99_999, 0))), id="silence before"),
    ],
)
def test_a_recording_is_known_again(change: Callable[[Waveform, Path], Waveform], tmp_path: Path) -> None:
    original = music(1)
    changed = np.asarray(change(original, tmp_path), dtype=np.float32)
    (pair,) = same_recordings({"a": fingerprint(original), "b": fingerprint(changed), "c": fingerprint(music(2))})
    assert pair[:2] == ("a", "b")
    assert pair[2] < 0.2


def test_different_recordings_are_not_taken_for_one() -> None:
    assert same_recordings({str(seed): fingerprint(music(seed)) for seed in range(12)}) == []


def test_silence_and_moments_have_no_fingerprint() -> None:
    silence = np.zeros((2, 10 * SAMPLE_RATE), dtype=np.float32)
    prints = {"silence": fingerprint(silence), "again": fingerprint(silence), "moment": fingerprint(music(1, 0.4))}
    assert [one.size for one in prints.values()] == [0, 0, 0]
    assert same_recordings(prints) == []


def test_fingerprints_survive_as_text_and_damage_costs_only_the_match() -> None:
    words = fingerprint(music(3, 5.0))
    assert (decode(encode(words)) == words).all()
    assert decode("no base64!").size == decode("").size == 0


def test_a_data_set_names_the_song_that_is_there_already(root: Path, tmp_path: Path) -> None:
    write_audio(root / "a.wav", music(1))
    write_audio(root / "b.mp3", 0.5 * music(1))
    write_audio(root / "c.wav", music(2))
    dataset, cache = scan_folder(root), MeasureCache(tmp_path)
    list(label_dataset(dataset, (), measures=cache))
    found = [finding for finding in check_dataset(dataset, cache) if finding.code == "same-recording"]
    assert [(finding.song, "a.wav" in finding.message) for finding in found] == [("b.mp3", True)]
