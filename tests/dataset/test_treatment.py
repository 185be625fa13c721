"""Where songs begin and end for the model, and how loud they are."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform
from sidestep_tui.dataset.measure import loudness, measure
from sidestep_tui.dataset.song import DatasetMetadata, LyricTime
from sidestep_tui.dataset.treatment import Treatment, needs_measures, treat, treated_times, treatment_of
from tests.dataset.conftest import song, tone

QUIET = np.zeros((2, SAMPLE_RATE), dtype=np.float32)


def padded(before: int, sound: float, after: int, level: float = 1.0) -> Waveform:
    """Seconds of silence, of a sine at half scale times `level`, and of silence."""
    parts = [*[QUIET] * before, level * tone(sound, SAMPLE_RATE), *[QUIET] * after]
    return np.concatenate(parts, axis=1, dtype=np.float32)


def treated(waveform: Waveform, settings: dict[str, Any], **fields: object) -> tuple[Treatment, Waveform]:
    seconds = waveform.shape[1] / SAMPLE_RATE
    one = song(**fields)
    one = replace(one, audio=replace(one.audio, duration=seconds))
    treatment = treatment_of(one, DatasetMetadata(**settings), measure(waveform))
    return treatment, treat(waveform, treatment)


def test_without_settings_nothing_changes() -> None:
    waveform = padded(3, 2, 1)
    treatment, after = treated(waveform, {})
    assert treatment == Treatment()
    assert treatment.identity() == ()
    np.testing.assert_array_equal(after, waveform)


def test_trimming_leaves_a_tenth_of_a_second() -> None:
    treatment, after = treated(padded(3, 2, 1), {"trim_silence": True})
    assert (treatment.start, treatment.end) == (pytest.approx(2.9, abs=0.02), pytest.approx(5.1, abs=0.02))
    assert after.shape[1] / SAMPLE_RATE == pytest.approx(2.2, abs=0.03)
    assert np.abs(after).max() == pytest.approx(0.5, abs=1e-3)


def test_what_the_song_says_goes_first() -> None:
    settings = {"trim_silence": True, "normalization": "peak"}
    treatment, _ = treated(padded(3, 2, 1), settings, trim_start=0.0, trim_end=6.0, gain_db=0.0)
    assert treatment == Treatment()
    assert not needs_measures(song(trim_start=0.0, trim_end=6.0, gain_db=0.0), DatasetMetadata(**settings))
    assert needs_measures(song(trim_start=0.0), DatasetMetadata(trim_silence=True))


def test_a_silent_song_and_a_wrong_trim_leave_the_song_whole() -> None:
    silent = np.zeros((2, 4 * SAMPLE_RATE), dtype=np.float32)
    assert treated(silent, {"trim_silence": True, "normalization": "lufs"})[0] == Treatment()
    assert treated(padded(1, 2, 1), {}, trim_start=3.5, trim_end=2.0)[0] == Treatment()


def test_peak_brings_the_largest_sample_to_one_decibel_below_full_scale() -> None:
    for level in (0.01, 1.0, 2.0):
        _, after = treated(padded(0, 2, 0, level), {"normalization": "peak"})
        assert 20 * math.log10(np.abs(after).max()) == pytest.approx(-1.0, abs=0.02)


def test_loudness_is_reached_where_the_peak_allows_it() -> None:
    _, after = treated(padded(0, 3, 0), {"normalization": "lufs", "target_lufs": -20.0})
    assert loudness(after) == pytest.approx(-20.0, abs=0.05)
    _, raised = treated(padded(0, 3, 0, 0.1), {"normalization": "lufs", "target_lufs": -14.0})
    assert loudness(raised) == pytest.approx(-14.0, abs=0.05)


def test_nothing_is_raised_into_clipping() -> None:
    peaky = padded(0, 3, 0, 0.02)
    peaky[:, 1000] = 0.8
    treatment, after = treated(peaky, {"normalization": "lufs", "target_lufs": -14.0})
    assert np.abs(after).max() == pytest.approx(10 ** (-1 / 20), rel=1e-3)
    assert 0 < treatment.gain_db < 2


def test_a_treatment_can_be_cut_short() -> None:
    assert Treatment(10.0, None, 2.0).cut_to(60.0, 300.0) == Treatment(10.0, 70.0, 2.0)
    assert Treatment(10.0, 50.0).cut_to(60.0, 300.0) == Treatment(10.0, 50.0)


def test_times_follow_the_trim() -> None:
    times = tuple(LyricTime(seconds, f"line {seconds:g}") for seconds in (1.0, 4.0, 9.5, 20.0))
    assert treated_times(times, Treatment(5.0, 18.0)) == (LyricTime(0.0, "line 4"), LyricTime(4.5, "line 9.5"))
    assert treated_times(times, Treatment()) == times
    assert treated_times((), Treatment(5.0, 18.0)) == ()
