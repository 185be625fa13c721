"""Measures against closed forms."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform
from sidestep_tui.dataset.fixes import fix_for
from sidestep_tui.dataset.measure import loudness, measure, measure_pieces
from sidestep_tui.dataset.song import DatasetMetadata, Severity, Song
from sidestep_tui.dataset.sound_findings import check_sound
from sidestep_tui.dataset.structure import structure_tags
from tests.dataset.conftest import song, tone


def sine(seconds: float, decibels: float, frequency: float = 997.0) -> Waveform:
    return np.asarray(tone(seconds, SAMPLE_RATE, 2, frequency) * 2 * 10 ** (decibels / 20), dtype=np.float32)


def song_of(waveform: Waveform) -> Song:
    """A song as long as the waveform."""
    one = song()
    return replace(one, audio=replace(one.audio, duration=waveform.shape[1] / SAMPLE_RATE))


@pytest.mark.parametrize("decibels", [-18.0, -23.0, -36.0])
def test_a_stereo_sine_at_1_khz_is_as_loud_as_its_peak(decibels: float) -> None:
    """EBU Tech 3341, cases 1 and 2: a stereo sine at -23 dBFS reads -23.0 LUFS, within 0.1."""
    assert loudness(sine(5, decibels)) == pytest.approx(decibels, abs=0.1)


def test_gates_leave_out_pauses_and_quiet_passages() -> None:
    """EBU Tech 3341, cases 3 and 4: the passages at -36 and -72 do not count beside -23."""
    passages = [(5, -72.0), (5, -36.0), (20, -23.0), (5, -36.0), (5, -72.0)]
    waveform = np.concatenate([sine(seconds, level) for seconds, level in passages], axis=1)
    assert loudness(waveform) == pytest.approx(-23.0, abs=0.1)


def test_weighting_is_by_frequency() -> None:
    low, high = loudness(sine(3, -20, 30.0)), loudness(sine(3, -20, 8_000.0))
    assert low is not None
    assert high is not None
    assert low < -26
    assert high == pytest.approx(-20 + 3.3, abs=0.3)


def test_silence_clipping_and_false_stereo() -> None:
    quiet = np.zeros((2, SAMPLE_RATE * 3), dtype=np.float32)
    waveform = np.concatenate([quiet, 2 * sine(2, 0), quiet[:, :SAMPLE_RATE]], axis=1).clip(-1, 1)
    measures = measure(waveform)
    assert (measures.silence_start, measures.silence_end) == (
        pytest.approx(3.0, abs=0.02),
        pytest.approx(1.0, abs=0.02),
    )
    assert measures.clipped_runs == pytest.approx(2 * 2 * 997 * 2, rel=0.01)
    assert measures.false_stereo
    assert {finding.code for finding in check_sound(song_of(waveform), DatasetMetadata(), measures)} >= {
        "clipped",
        "silent-ends",
        "false-stereo",
    }


@pytest.mark.parametrize("size", [1, 4_799, 48_001, 1_000_003])
def test_pieces_of_any_size_give_the_measures_of_the_whole(size: int) -> None:
    """Also where a run of clipped samples or a pause lies across their edge."""
    noise = np.random.default_rng(0).standard_normal((2, 7 * SAMPLE_RATE)).astype(np.float32)
    noise[:, 3 * SAMPLE_RATE : 5 * SAMPLE_RATE] *= 0.01
    noise[:, : SAMPLE_RATE // 2] = noise[:, -SAMPLE_RATE // 3 :] = 0
    waveform = (0.5 * noise).clip(-1, 1)
    waveform[0, 48_000:48_007] = waveform[1, 96_000:96_003] = 1
    if size == 1:
        waveform = waveform[:, 47_900:49_200]
    whole = measure(waveform)
    pieces = measure_pieces(waveform[:, start : start + size] for start in range(0, waveform.shape[1], size))
    exact = {name: value for name, value in asdict(pieces).items() if isinstance(value, float)}
    assert exact == pytest.approx({name: getattr(whole, name) for name in exact}, rel=1e-4)
    assert (pieces.loudness, pieces.clipped_runs, pieces.fingerprint) == (
        whole.loudness and pytest.approx(whole.loudness, abs=1e-4),
        whole.clipped_runs,
        whole.fingerprint,
    )
    assert whole.clipped_runs >= 1


def test_a_silent_song_is_an_error() -> None:
    waveform = np.zeros((2, SAMPLE_RATE), dtype=np.float32)
    measures = measure(waveform)
    assert (measures.loudness, measures.peak, measures.silence_start) == (None, 0.0, 1.0)
    assert [finding.code for finding in check_sound(song_of(waveform), DatasetMetadata(), measures)] == ["silent"]


def test_a_song_far_over_full_scale_is_an_error_until_it_is_normalised() -> None:
    """A damaged file was told to clip, as a remark."""
    waveform = 2000 * sine(2, 0)
    measures, song = measure(waveform), song_of(waveform)
    (finding,) = check_sound(song, DatasetMetadata(), measures)
    assert (finding.severity, finding.code) == (Severity.ERROR, "off-scale")
    assert "66 dB over full scale" in finding.message
    normalised = check_sound(song, DatasetMetadata(normalization="peak"), measures)
    assert "off-scale" not in {finding.code for finding in normalised}


@pytest.mark.parametrize("cut", [11_025, 16_000, 20_000])
def test_bandwidth_is_where_the_spectrum_ends(cut: int) -> None:
    noise = np.random.default_rng(0).standard_normal((2, 4 * SAMPLE_RATE))
    spectrum = np.fft.rfft(noise)
    spectrum[:, np.fft.rfftfreq(noise.shape[1], 1 / SAMPLE_RATE) > cut] = 0
    limited = (0.1 * np.fft.irfft(spectrum)).astype(np.float32)
    measures = measure(limited)
    assert measures.bandwidth == pytest.approx(cut, abs=200)
    assert not measures.false_stereo
    narrow = [finding.code for finding in check_sound(song_of(limited), DatasetMetadata(), measures)]
    assert narrow == (["narrow-bandwidth"] if cut < 15_000 else [])


@pytest.mark.parametrize("samples", [1, 479, 5_000])
def test_the_shortest_songs_are_measured(samples: int) -> None:
    assert measure(np.full((2, samples), 0.5, dtype=np.float32)).loudness is None


def test_structure_tags() -> None:
    lyrics = "[Intro]\nla la\n[Verse 1: Ann]\nwords [softly]\n[Pre-Chorus]\n[00:10]\n[applause]\n [Outro] "
    assert structure_tags(lyrics) == ("Intro", "Verse 1: Ann", "Pre-Chorus", "Outro")


def test_a_treatment_takes_its_findings_away() -> None:
    quiet = np.zeros((2, SAMPLE_RATE * 3), dtype=np.float32)
    waveform = np.concatenate([quiet, sine(5, -38), quiet], axis=1)
    measures, one = measure(waveform), song_of(waveform)

    def codes(song: Song, **metadata: Any) -> set[str]:
        return {finding.code for finding in check_sound(song, DatasetMetadata(**metadata), measures)}

    assert codes(one) >= {"quiet", "silent-ends"}
    assert not codes(one, trim_silence=True, normalization="lufs") & {"quiet", "silent-ends"}
    for finding in check_sound(one, DatasetMetadata(), measures):
        fix = fix_for(finding, one, DatasetMetadata(), measures)
        if fix is not None:
            one = replace(one, **fix.changes)
    assert not codes(one) & {"quiet", "silent-ends"}
    assert one.gain_db == pytest.approx(24, abs=0.2)
