"""Pictures of sound, against sounds whose picture is known; and token counts through the command itself."""

from pathlib import Path

import numpy as np
import pytest

from sidestep_tui.dataset.audio import SAMPLE_RATE, write_audio
from sidestep_tui.dataset.session import EditSession, load_dataset
from sidestep_tui.dataset.song import AudioInfo, Song
from sidestep_tui.dataset.sound import BANDS, HIGHEST, LOWEST, SLICES, SoundCache, look_at, shrink
from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.dataset.tokens import count_tokens

from .conftest import swell


def band_of(frequency: float) -> int:
    return int(np.log(frequency / LOWEST) / np.log(HIGHEST / LOWEST) * BANDS)


@pytest.mark.parametrize("frequency", [220.0, 1_000.0, 9_000.0])
def test_a_tone_is_brightest_in_its_own_band(tmp_path: Path, frequency: float) -> None:
    time = np.arange(SAMPLE_RATE * 2) / SAMPLE_RATE
    tone = (0.5 * np.sin(2 * np.pi * frequency * time) * (time < 1.0)).astype(np.float32)
    write_audio(tmp_path / "a.wav", np.stack([tone, tone]))
    sound = look_at(tmp_path / "a.wav")
    assert abs(int(sound.spectrum[:, SLICES // 4].argmax()) - band_of(frequency)) <= 1
    assert sound.spectrum[:, SLICES * 3 // 4].max() == 0.0
    assert sound.high[: SLICES // 2 - 2].min() == pytest.approx(0.5, abs=0.01)
    assert sound.low[SLICES // 2 + 2 :].min() == 0.0
    assert sound.seconds == pytest.approx(2.0)
    assert sound.measures is not None
    assert sound.measures.silence_end == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("samples", [1, 100, 5_000])
def test_the_shortest_files_have_a_picture(tmp_path: Path, samples: int) -> None:
    write_audio(tmp_path / "a.wav", np.full((2, samples), 0.25, dtype=np.float32))
    sound = look_at(tmp_path / "a.wav")
    assert sound.spectrum.shape == (BANDS, SLICES)
    assert np.isfinite(sound.spectrum).all()
    assert sound.high.max() == pytest.approx(0.25, abs=0.001)


def test_silence_is_dark(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", np.zeros((2, SAMPLE_RATE), dtype=np.float32))
    sound = look_at(tmp_path / "a.wav")
    assert sound.high.max() == sound.low.min() == 0
    assert sound.spectrum.max() == 0


@pytest.mark.parametrize("columns", [1, 7, 480, 1000])
def test_shrinking_keeps_the_level(columns: int) -> None:
    ramp = np.tile(np.linspace(0, 1, SLICES, dtype=np.float32), (2, 1))
    small = shrink(ramp, columns)
    assert small.shape == (2, columns)
    assert small.mean() == pytest.approx(0.5, abs=0.01)
    assert (np.diff(small[0]) >= 0).all()


def test_the_cache_forgets_the_oldest_and_files_that_changed(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", swell(0.5, 220))
    sound, cache = look_at(tmp_path / "a.wav"), SoundCache(size=2)
    songs = [
        Song(key=str(n), audio_path=Path(str(n)), audio=AudioInfo(1.0, 48_000, 2, "pcm_16", 10, 1)) for n in range(3)
    ]
    cache.keep(songs[0], sound)
    cache.keep(songs[1], sound)
    assert cache.known(songs[0]) is sound
    cache.keep(songs[2], sound)
    assert (cache.known(songs[0]), cache.known(songs[1])) == (sound, None)
    touched = Song(key="0", audio_path=Path("0"), audio=AudioInfo(1.0, 48_000, 2, "pcm_16", 10, 2))
    assert cache.known(touched) is None


@pytest.mark.slow
def test_tokens_are_counted_for_the_unsaved_words(album: Path, tiny_checkpoint: Path) -> None:
    session = EditSession(load_dataset(album, replay=False))
    review = Review(session)
    review.edit(["01 waltz.wav"], {"caption": "word " * 300, "bpm": 99})
    counts = count_tokens(review.dataset, tiny_checkpoint)
    text, lyrics = review.prompts("01 waltz.wav")
    assert counts[text].cut
    assert counts[text].tokens > 256
    assert not counts[lyrics].cut
    for key in review.songs:
        assert set(review.prompts(key)) <= counts.keys()


@pytest.mark.slow
def test_a_folder_that_is_no_model_is_named_in_the_commands_words(album: Path, tmp_path: Path) -> None:
    with pytest.raises(SidestepError) as failure:
        count_tokens(load_dataset(album), tmp_path / "no model")
    assert "model" in str(failure.value)
