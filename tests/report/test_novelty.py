"""A copied passage is found where it lies, songs that only sound alike are not, and the threshold lies between them."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from sidestep_tui.report.novelty import (
    LATENT_RATE,
    LEAST_THRESHOLD,
    WINDOW,
    TrainingLatents,
    novelty_section,
    read_latents,
    training_latents,
)
from sidestep_tui.report.samples import Group, Take


def song(seed, frames=600, channels=64):
    """Latents that move slowly, as those of music do, about a mean that all songs share."""
    random = np.random.default_rng(seed)
    steps = random.normal(size=(frames + 50, channels)).cumsum(axis=0)
    smooth = steps[50:] - (steps.cumsum(axis=0)[50:] - steps.cumsum(axis=0)[:-50]) / 50
    return (smooth + np.linspace(-3, 3, channels)).astype(np.float32)


def brute_force(window, latents):
    """The definition of the correlation, place by place."""
    window = (window - window.mean(axis=0)).ravel()
    scores = []
    for start in range(len(latents) - WINDOW + 1):
        other = latents[start : start + WINDOW]
        other = (other - other.mean(axis=0)).ravel()
        scores.append(window @ other / (np.linalg.norm(window) * np.linalg.norm(other)))
    return int(np.argmax(scores)), float(np.max(scores))


def test_the_correlation_is_that_of_its_definition():
    training, sample = song(1, 300), song(2, WINDOW)
    place, score = brute_force(sample, training)
    match = TrainingLatents({"a": training}).nearest(sample)
    assert (match.song, match.at, match.in_song) == ("a", 0.0, place / LATENT_RATE)
    assert match.correlation == pytest.approx(score, abs=1e-4)


def test_a_planted_copy_is_flagged_where_it_lies_and_different_songs_are_not():
    songs = {f"song {seed}": song(seed) for seed in range(8)}
    training = TrainingLatents(songs)
    random = np.random.default_rng(99)
    fresh = song(100)
    assert training.nearest(fresh).correlation < training.threshold
    copied = fresh.copy()
    passage = songs["song 3"][230:380]
    copied[200:350] = 0.7 * passage + 0.2 * random.normal(size=passage.shape) + 1.0  # quieter, noisy, another level
    match = training.nearest(copied)
    assert match.song == "song 3"
    assert match.correlation > training.threshold
    assert match.in_song - match.at == pytest.approx(30 / LATENT_RATE)


def test_songs_that_are_alike_among_themselves_raise_the_threshold():
    base = song(1)
    alike = {str(seed): base + song(seed) for seed in range(2, 6)}
    assert TrainingLatents({"a": song(1), "b": song(2)}).threshold == LEAST_THRESHOLD
    assert TrainingLatents(alike).threshold > LEAST_THRESHOLD + 0.05


def test_what_is_shorter_than_a_window_or_silent_matches_nothing():
    training = TrainingLatents({"a": song(1), "short": song(2, WINDOW - 1)})
    assert len(training) == 1
    assert training.nearest(song(3, WINDOW - 1)) is None
    assert training.nearest(np.zeros((300, 64), dtype=np.float32)) is None


def test_latents_are_read_from_a_tensor_folder(tmp_path):
    (tmp_path / "songs").mkdir()
    save_file({"latent_mean": song(1)}, tmp_path / "songs" / "a.safetensors")
    (tmp_path / "songs" / "b.safetensors").write_bytes(b"damaged")
    entries = [{"key": f"{name}.wav", "file": f"songs/{name}.safetensors"} for name in "abc"]
    (tmp_path / "manifest.json").write_text(json.dumps({"songs": entries}))
    training = training_latents(tmp_path)
    assert training.nearest(song(1)[:200]).song == "a.wav"
    assert len(training) == 1
    assert training_latents(tmp_path / "nowhere") is None
    assert read_latents(tmp_path / "songs" / "b.safetensors") is None


def test_the_page_flags_the_sample_that_repeats_a_song_and_no_other(tmp_path):
    training = TrainingLatents({f"song {seed}": song(seed) for seed in range(6)})
    sounds = {"new": song(50), "copied": song(3)[100:400]}
    for name, latents in sounds.items():
        save_file({"latents": latents.astype(np.float16)}, tmp_path / f"{name}.safetensors")
    takes = [Take(tmp_path / name, name, None, False, tmp_path / f"{name}.safetensors") for name in (*sounds, "lost")]
    page = novelty_section([Group("a <prompt>", 7, (), tuple(takes))], training)
    new, copied, lost = page.split("<tr>")[2:]
    assert "a &lt;prompt&gt;" in new
    assert "repeats training audio?" not in new + lost
    assert "repeats training audio?" in copied
    assert "<bdi>song 3</bdi>" in copied
    assert f"{training.threshold:.2f}" in page
    assert "not a verdict" in page
    assert "not found" in novelty_section([Group("p", 7, (), tuple(takes))], None)
    assert novelty_section([Group("p", 7, (), (Take(tmp_path / "a.wav", "old", None, False),))], training) is None
