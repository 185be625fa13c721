"""Preprocessing: what it writes is what inference would compute, and it survives whatever happens to it."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.dataset.audio import read_audio, write_audio
from sidestep_tui.dataset.session import open_session
from sidestep_tui.engine.data.manifest import read_manifest
from sidestep_tui.engine.data.tensors import read_all, read_shared
from sidestep_tui.engine.preprocess import audio as preprocess_audio
from sidestep_tui.engine.preprocess.plan import repeats_of_folder
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.log import read_events
from tests.engine.preprocess.conftest import RATE, write_song


def test_tensors_are_those_of_inference(
    engine: Any, reference_checkpoint: Callable[[str], Path], document: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    from sidestep_tui.acestep import open_checkpoint
    from sidestep_tui.engine.generate.pipeline import build_pipeline

    for path in folder.glob("song [12]*"):
        path.unlink()
    model = reference_checkpoint("acestep-v15-turbo")
    document["model"]["checkpoint"] = str(model)
    engine.run("encode", "preprocess", document)
    output = tmp_path / "tensors"
    manifest = read_manifest(output)
    (entry,) = manifest.songs
    tensors = read_all(output, entry)
    pipeline = build_pipeline(open_checkpoint(model), torch.float32)
    with torch.no_grad():
        text, text_mask, lyrics, lyrics_mask = pipeline.encode_prompt(
            "caption 0",
            "[Verse]\nsnow on the river",
            torch.device("cpu"),
            vocal_language="en",
            audio_duration=1.2,
            bpm=97,
            keyscale="F# minor",
            timesignature="3",
        )
        wanted, _ = pipeline.condition_encoder(
            text_hidden_states=text,
            text_attention_mask=text_mask,
            lyric_hidden_states=lyrics,
            lyric_attention_mask=lyrics_mask,
            refer_audio_acoustic_hidden_states_packed=pipeline.condition_encoder.silence_latent[:, :750],
            refer_audio_order_mask=torch.zeros(1, dtype=torch.long),
        )
        from sidestep_tui.dataset.audio import read_audio

        audio = torch.from_numpy(read_audio(folder / "song 0.wav"))[None]
        posterior = pipeline.vae.encode(audio).latent_dist
    torch.testing.assert_close(tensors["condition"], wanted[0])
    torch.testing.assert_close(tensors["latent_mean"], posterior.mean[0].T, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(tensors["latent_std"], posterior.std[0].T, rtol=1e-4, atol=1e-4)
    assert tensors["latent_mean"].dtype == torch.float32
    assert (entry.frames, entry.duration, entry.cut) == (1.2 * LATENT_RATE, 1.2, False)
    assert "- duration: 1 seconds\n" in entry.prompt
    shared = read_shared(output)
    torch.testing.assert_close(shared["null_condition"], pipeline.condition_encoder.null_condition_emb[0])
    torch.testing.assert_close(shared["silence_latent"], pipeline.condition_encoder.silence_latent[0])


def test_every_pass_counts_from_zero_to_all_songs(engine: Any, document: dict[str, Any]) -> None:
    """The full bar of the pass before must not stand over a first song that takes minutes."""
    run, _ = engine.run("run", "preprocess", document)
    passes: list[list[tuple[int, int, str]]] = []
    for event in read_events(run.events_file):
        if isinstance(event, ev.PhaseChanged):
            passes.append([])
        elif isinstance(event, ev.Progress):
            passes[-1].append((event.done, event.total, event.unit))
    assert passes[-3:] == [[(done, 3, "songs") for done in range(4)]] * 3


def test_trimmed_and_normalised_sound_is_what_is_encoded(
    engine: Any, document: dict[str, Any], folder: Path, tmp_path: Path, encoded: list[int]
) -> None:
    """The file stays as it is; tensors, prompt and identity follow the settings of the data set and the song."""
    for path in folder.glob("song [12]*"):
        path.unlink()
    path = folder / "song 0.wav"
    silence = np.zeros((2, 3 * RATE), dtype=np.float32)
    write_audio(path, np.concatenate([silence, read_audio(path), silence], axis=1))
    before = path.read_bytes()
    engine.run("whole", "preprocess", document)
    (whole,) = read_manifest(tmp_path / "tensors").songs
    assert "- duration: 7 seconds\n" in whole.prompt
    session = open_session(folder)
    session.edit_metadata({"trim_silence": True, "normalization": "peak"})
    engine.run("trimmed", "preprocess", document)
    (trimmed,) = read_manifest(tmp_path / "tensors").songs
    assert encoded == [round(7.2 * RATE), pytest.approx(1.4 * RATE, abs=0.1 * RATE)]
    assert "- duration: 1 seconds\n" in trimmed.prompt
    assert trimmed.source.split("-")[0] != whole.source.split("-")[0]
    engine.run("again", "preprocess", document)
    assert len(encoded) == 2
    session.edit(["song 0.wav"], {"trim_start": 0, "trim_end": 7.2, "gain_db": 0})
    engine.run("its own", "preprocess", document)
    assert encoded[2:] == [round(7.2 * RATE)]
    assert path.read_bytes() == before


def test_a_folder_beside_whose_songs_a_data_set_was_saved_is_encoded_with_a_warning(
    engine: Any, document: dict[str, Any], folder: Path
) -> None:
    """Who labels and saves, and then gives the folder, would train without a label and never be told."""
    session = open_session(folder)
    session.edit(["song 1.flac"], {"caption": "as it was saved"})
    session.save()
    _, state = engine.run("folder", "preprocess", document)
    assert [(one.what.split(";")[0], one.fix) for one in state.warnings] == [
        ("The folder holds a saved data set", "open dataset.json to work with them")
    ]
    document["dataset"] = str(folder / "dataset.json")
    _, state = engine.run("file", "preprocess", document)
    assert not state.warnings


def test_songs_held_out_in_the_review_are_held_out_of_training(
    engine: Any, document: dict[str, Any], folder: Path, tmp_path: Path, encoded: list[int]
) -> None:
    """From the mark in the review through the tensors to what the run measures; a new mark encodes nothing."""
    engine.run("before", "preprocess", document)
    session = open_session(folder)
    session.edit(["song 1.flac"], {"held_out": True})
    _, state = engine.run("marked", "preprocess", document)
    assert (state.results["encoded"], len(encoded)) == (0, 3)
    held_out = [song.key for song in read_manifest(tmp_path / "tensors").songs if song.held_out]
    assert held_out == ["song 1.flac"]
    training = {
        "model": document["model"],
        "data": {"tensors": document["output"]},
        "adapter": {"rank": 2},
        "training": {"epochs": 1},
        "validation": {"every_epochs": 1, "songs": 2},
        "logging": {"tensorboard": False},
    }
    _, state = engine.run("train", "train", training)
    assert state.plan is not None
    assert (state.plan.songs, state.plan.validation_songs) == (2, 1), "three are too few to draw from, not to mark"
    assert state.validations[-1].songs.keys() == {"song 1.flac"}
    assert "The data set holds out 1 song itself: validation.songs=2 is not used." in [
        warning.what for warning in state.warnings
    ]


def test_songs_that_cannot_be_encoded_are_named_and_the_rest_goes_on(
    engine: Any, document: dict[str, Any], folder: Path, tmp_path: Path, encoded: list[int]
) -> None:
    (folder / "[broken].mp3").write_bytes(b"no music at all" * 100)
    write_song(folder / "short.wav", 300, seconds=0.5)
    import soundfile

    soundfile.write(folder / "nan.wav", np.full((RATE, 2), np.nan, np.float32), RATE, subtype="FLOAT")
    soundfile.write(folder / "silent.wav", np.zeros((2 * RATE, 2), np.float32), RATE)
    soundfile.write(folder / "off scale.wav", np.full((2 * RATE, 2), 3000, np.float32), RATE, subtype="FLOAT")
    _, state = engine.run("run", "preprocess", document)
    failed = read_manifest(tmp_path / "tensors").failed
    assert sorted(failed) == ["[broken].mp3", "nan.wav", "off scale.wav", "short.wav", "silent.wav"]
    assert (state.results["songs"], state.results["failed"]) == (3, 5)
    assert {warning.what.split(" is left out")[0] for warning in state.warnings} == set(failed)


def test_latents_that_are_no_numbers_fail_their_song(
    engine: Any, document: dict[str, Any], tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = preprocess_audio.encode_audio

    def broken_first(*arguments: Any) -> Any:
        mean, std = whole(*arguments)
        return (mean * float("nan") if len(encoded) == 1 else mean), std

    monkeypatch.setattr(preprocess_audio, "encode_audio", broken_first)
    _, state = engine.run("run", "preprocess", document)
    assert (state.results["songs"], state.results["failed"]) == (2, 1)


def test_a_set_without_one_good_song_fails(engine: Any, document: dict[str, Any], folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    write_song(folder / "short.wav", 300, seconds=0.5)
    code, state = engine.work(engine.create("run", "preprocess", document))
    assert code == 1
    assert "short.wav" in state.failure.what


def test_tensors_of_another_model_are_left_alone(
    engine: Any,
    document: dict[str, Any],
    reference_checkpoint: Callable[[str], Path],
    tmp_path: Path,
    encoded: list[int],
) -> None:
    engine.run("first", "preprocess", document)
    before = read_manifest(tmp_path / "tensors")
    document["model"]["checkpoint"] = str(reference_checkpoint("acestep-v15-base"))
    code, state = engine.work(engine.create("run", "preprocess", document))
    assert code == 1
    assert "another model" in state.failure.what
    assert read_manifest(tmp_path / "tensors") == before


def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    engine: Any, document: dict[str, Any], tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync

    def full(descriptor: int) -> None:
        if "latents" in str(Path(f"/proc/self/fd/{descriptor}").readlink()) and len(encoded) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    run = engine.create("run", "preprocess", document)
    code, state = engine.work(run)
    assert (code, state.failure.what) == (1, "No space is left on the device.")
    assert len(list((tmp_path / "tensors" / ".unfinished").iterdir())) == 1
    monkeypatch.setattr(os, "fsync", sync)
    code, state = engine.work(run)
    assert (code, state.results["songs"], len(encoded)) == (0, 3, 4)


def test_long_songs_are_cut(engine: Any, document: dict[str, Any], tmp_path: Path, encoded: list[int]) -> None:
    _, state = engine.run("run", "preprocess", document | {"longest_seconds": 1.0})
    (warning,) = [one for one in state.warnings if "longest_seconds" in one.fix]
    assert warning.what.startswith("3 of the songs go on after 1 s and are cut there")
    assert warning.where == "song 0.wav, song 1.flac, song 2.ogg"
    assert {entry.duration for entry in read_manifest(tmp_path / "tensors").songs} == {1.0}


@pytest.mark.parametrize(
    ("key", "repeats"),
    [("song.wav", 1), ("3_ballads/song.wav", 3), ("3_ballads/live/song.wav", 3), ("3_a/12_b/song.wav", 12),
     ("2024/song.wav", 1), ("0_none/song.wav", 1), ("03_album/song.wav", 1), ("3_song.wav", 1)],
)  # fmt: skip
def test_a_folder_name_says_how_often_its_songs_are_seen(key: str, repeats: int) -> None:
    assert repeats_of_folder(key) == repeats
