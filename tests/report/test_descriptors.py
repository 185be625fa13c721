"""Descriptors against sounds whose figures are known."""

from dataclasses import replace

import numpy as np
import pytest

from sidestep_tui.dataset.analysis.result import Guess
from sidestep_tui.dataset.audio import SAMPLE_RATE
from sidestep_tui.report.descriptors import SongSet, describe

SECONDS = 4
T = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE


def stereo(sound):
    return np.stack([sound, sound]).astype(np.float32)


def sine(hertz, level=0.5):
    return stereo(level * np.sin(2 * np.pi * hertz * T))


def clicks(per_second, level=0.5):
    sound = np.zeros(T.size)
    for start in range(SAMPLE_RATE // 8, T.size, SAMPLE_RATE // per_second):
        sound[start : start + 2400] = level * np.exp(-np.arange(2400) / 400) * np.sin(np.arange(2400))
    return stereo(sound[: T.size])


@pytest.mark.parametrize("hertz", [110.0, 1000.0, 8000.0])
def test_a_sine_has_its_spectrum_in_one_place(hertz):
    found = describe(sine(hertz))
    assert 2**found.centroid == pytest.approx(hertz, rel=0.02)
    assert 2**found.rolloff == pytest.approx(hertz, rel=0.15)  # to the next line of the spectrum
    assert found.bandwidth < 0.2
    assert found.centroid_spread < 0.01


def test_a_sine_is_in_its_pitch_class():
    chroma = describe(sine(440 * 2 ** (7 / 12))).chroma  # e
    assert int(np.argmax(chroma)) == 7
    assert chroma[7] > 0.99
    assert sum(chroma) == pytest.approx(1)


def test_ten_decibels_louder_is_ten_louder():
    assert describe(sine(1000, 0.5)).loudness - describe(sine(1000, 0.05)).loudness == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize("per_second", [1, 2, 4])
def test_onsets_are_counted(per_second):
    assert describe(clicks(per_second)).onsets == pytest.approx(per_second, rel=0.1)
    assert describe(sine(500)).onsets < 0.5


def test_tempo_and_key_are_heard_and_count_for_the_distance():
    slow, fast = describe(clicks(2)), describe(clicks(3))
    assert slow.tempo.value == pytest.approx(120, rel=0.02)
    assert np.log2(fast.tempo.value / 180) % 1 in (pytest.approx(0, abs=0.03), pytest.approx(1, abs=0.03))
    triad = stereo(sum(0.2 * np.sin(2 * np.pi * 220 * 2 ** (s / 12) * T) for s in (0, 4, 7, 12)))
    assert describe(triad).key.value == "A major"


def _at(tempo, key):
    return replace(describe(sine(440)), tempo=Guess(tempo, 1.0), key=Guess(key, 1.0))


def test_double_tempo_and_relative_key_are_the_same_place_and_the_far_key_is_the_farthest():
    songs = SongSet([("c", _at(100.0, "C major"))])
    distances = {
        (tempo, key): songs.likeness(_at(tempo, key)).distance
        for tempo, key in ((200.0, "A minor"), (100.0, "G major"), (100.0, "F# major"), (140.0, "C major"))
    }
    assert distances[200.0, "A minor"] == pytest.approx(0, abs=1e-9)
    assert 0 < distances[100.0, "G major"] < distances[100.0, "F# major"]
    assert distances[140.0, "C major"] > 0.5


def test_silence_and_a_moment_of_sound_can_be_described():
    for sound in (np.zeros((2, SAMPLE_RATE)), np.zeros((2, 1)), np.full((2, 10), 0.5)):
        figures = describe(sound.astype(np.float32))
        assert np.isfinite([*figures.chroma, figures.loudness, figures.centroid, figures.onsets]).all()


def test_a_copy_is_at_no_distance_and_the_nearest_song_is_the_likest():
    songs = SongSet([("low", describe(sine(110))), ("high", describe(sine(3520))), ("clicks", describe(clicks(4)))])
    copy = songs.likeness(describe(sine(3520)))
    assert (copy.nearest, copy.nearest_distance) == ("high", pytest.approx(0, abs=1e-9))
    assert songs.likeness(describe(sine(120))).nearest == "low"
    assert songs.likeness(describe(clicks(3))).nearest == "clicks"
    assert copy.distance < songs.likeness(describe(stereo(np.random.default_rng(0).normal(size=T.size)))).distance


def test_one_song_is_a_set_too():
    alone = SongSet([("only", describe(sine(440)))])
    assert alone.usual_distance() is None
    near, far = (alone.likeness(describe(sine(hertz))) for hertz in (450, 4400))
    assert near.nearest_distance < far.nearest_distance
    assert near.distance == pytest.approx(near.nearest_distance)


def test_the_usual_distance_is_that_of_songs_to_the_nearest_other():
    twins = [(name, describe(sine(hertz))) for name, hertz in (("a", 440), ("b", 440), ("c", 880), ("d", 880))]
    assert SongSet(twins).usual_distance() == pytest.approx(0, abs=1e-9)
    assert SongSet(twins[1:3]).usual_distance() > 0.5
