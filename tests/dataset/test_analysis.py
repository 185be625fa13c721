"""The built-in analyser on sounds whose tempo, key and metre are known."""

import math

import numpy as np
import pytest

from sidestep_tui.dataset.analysis.builtin import analyse
from sidestep_tui.dataset.analysis.result import NOTHING
from sidestep_tui.dataset.analysis.spectrum import autocorrelation, magnitudes, mel_bands
from sidestep_tui.dataset.audio import Waveform

RATE = 22_050
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


def drums(bpm: float, beats: int = 4, seconds: float = 24.0) -> Waveform:
    """A kick on the first beat of each bar, a snare on the last, a soft hat on every half beat."""
    rng = np.random.default_rng(0)
    sound = np.zeros(round(seconds * RATE))
    time = np.arange(round(0.08 * RATE)) / RATE
    kick = np.sin(2 * np.pi * 60 * time) * np.exp(-time * 40)
    snare = rng.standard_normal(time.size) * np.exp(-time * 50) * 0.5
    hat = np.diff(rng.standard_normal(time.size + 1)) * np.exp(-time * 120) * 0.1
    for half in range(math.floor(seconds * bpm / 30)):
        start = round(half * 30 / bpm * RATE)
        beat, off = divmod(half, 2)
        for stroke, plays in ((kick, beat % beats == 0), (snare, beat % beats == beats - 1), (hat, True)):
            if plays and (stroke is hat or not off) and start + time.size <= sound.size:
                sound[start : start + time.size] += stroke
    return np.tile(sound, (2, 1)).astype(np.float32)


def chords(tonic: int, scale: tuple[int, ...], degrees: tuple[int, ...], cents: float = 0.0) -> Waveform:
    """Triads with three harmonics, a second each; pitch classes count from C."""
    time = np.arange(RATE) / RATE
    sound = []
    for degree in degrees:
        notes = [60 + tonic + scale[(degree - 1 + third) % 7] for third in (0, 2, 4)]
        frequencies = [440 * 2 ** ((note - 69 + cents / 100) / 12) for note in notes]
        sound.append(sum(np.sin(2 * np.pi * f * h * time) / h for f in frequencies for h in (1, 2, 3)))
    return np.tile(np.concatenate(sound) * 0.1, (2, 1)).astype(np.float32)


@pytest.mark.parametrize("bpm", [63.0, 92.0, 120.0, 128.5, 174.0])
def test_tempo_is_found_up_to_its_octave(bpm: float) -> None:
    guess = analyse(drums(bpm), RATE).bpm
    assert guess is not None
    octaves = math.log2(guess.value / bpm)
    assert abs(octaves - round(octaves)) < 0.01
    assert 0 < guess.confidence <= 1


def test_common_tempo_is_found_exactly_and_its_octave_is_the_second_guess() -> None:
    guess = analyse(drums(104.0), RATE).bpm
    assert guess is not None
    assert guess.value == pytest.approx(104.0, rel=0.004)
    assert guess.second is not None
    assert guess.second / guess.value == pytest.approx(2.0) or guess.second / guess.value == pytest.approx(0.5)


@pytest.mark.parametrize("beats", [3, 4])
def test_metre_is_the_distance_at_which_the_pattern_comes_back(beats: int) -> None:
    guess = analyse(drums(112.0, beats), RATE).timesignature
    assert guess is not None
    assert guess.value == str(beats)
    assert guess.confidence > 0.5


@pytest.mark.parametrize(
    ("tonic", "scale", "degrees", "key"),
    [
        (0, MAJOR, (1, 4, 5, 1, 1, 6, 5, 1), "C major"),
        (6, MAJOR, (1, 4, 5, 1, 1, 6, 5, 1), "F# major"),
        (9, MINOR, (1, 4, 5, 1, 1, 6, 4, 1), "A minor"),
        (3, MINOR, (1, 4, 5, 1, 1, 6, 4, 1), "Eb minor"),
    ],
)
@pytest.mark.parametrize("cents", [0.0, 35.0])
def test_key_is_found_whatever_the_tuning(
    tonic: int, scale: tuple[int, ...], degrees: tuple[int, ...], key: str, cents: float
) -> None:
    guess = analyse(chords(tonic, scale, degrees, cents), RATE).keyscale
    assert guess is not None
    assert guess.value == key
    assert guess.second not in (None, key)


def test_sample_rate_does_not_change_the_answer() -> None:
    sound = drums(120.0)
    doubled = np.repeat(sound, 2, axis=1)
    first, second = analyse(sound, RATE).bpm, analyse(doubled, 2 * RATE).bpm
    assert first is not None
    assert second is not None
    assert first.value == pytest.approx(second.value, rel=0.002)


@pytest.mark.parametrize("level", [1e-3, 0.5])
def test_loudness_does_not_change_the_answer(level: float) -> None:
    guess = analyse(drums(120.0) * np.float32(level), RATE).bpm
    assert guess is not None
    assert guess.value == pytest.approx(120.0, rel=0.004)


def test_silence_tells_nothing() -> None:
    assert analyse(np.zeros((2, 10 * RATE), dtype=np.float32), RATE) == NOTHING


def test_three_seconds_tell_nothing() -> None:
    assert analyse(drums(120.0, seconds=3.0), RATE) == NOTHING


def test_held_tone_has_no_tempo() -> None:
    time = np.arange(10 * RATE) / RATE
    tone = np.tile(np.sin(2 * np.pi * 440 * time), (2, 1)).astype(np.float32)
    analysis = analyse(tone, RATE)
    assert analysis.keyscale is not None
    assert analysis.bpm is None or analysis.bpm.confidence < 0.5


def test_autocorrelation_of_a_period_peaks_at_it() -> None:
    series = np.tile([1.0, 0.0, 0.0, 0.0, 0.0], 40).astype(np.float32)[:, None]
    found = autocorrelation(series, 12)
    assert found[0] == pytest.approx(1.0)
    assert found[5] == pytest.approx(1.0, abs=1e-5)
    assert found[10] == pytest.approx(1.0, abs=1e-5)
    assert found[1:5].max() < 0


def test_magnitudes_put_a_sine_at_its_frequency() -> None:
    time = np.arange(RATE) / RATE
    spectra = magnitudes(np.sin(2 * np.pi * 1000 * time).astype(np.float32), 1024, 256)
    assert spectra.shape == (RATE // 256 + 1, 513)
    assert int(spectra[40].argmax()) == round(1000 * 1024 / RATE)


def test_mel_bands_each_sum_to_one() -> None:
    bands = mel_bands(1024, RATE, 40, 40.0, 10_000.0)
    assert bands.shape == (513, 40)
    np.testing.assert_allclose(bands.sum(axis=0), 1.0, rtol=1e-5)
