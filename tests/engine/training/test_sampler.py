"""Samples while training: the same sound as `sidestep generate`, at the steps asked for, and no cost to the run."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.dataset.prompts import SongFields, lyric_prompt, read_prompts, text_prompt
from sidestep_tui.dataset.text import safe_name
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.data.manifest import read_manifest, write_manifest
from sidestep_tui.engine.generate import song as generate_song
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.training import job as train
from sidestep_tui.engine.training import sampler
from sidestep_tui.engine.training.sample_songs import songs_to_sample
from sidestep_tui.engine.training.sampler import Sampler
from sidestep_tui.engine.training.setup import prepare
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import PhaseChanged, SampleWritten, StepCompleted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine, write_songs

SUNG = SongFields("slow strings, a cello", 80.0, "[Verse]\nsnow on the river", "en", 90, "D minor", "3")


@pytest.fixture
def document(train_document: dict[str, Any], tiny_checkpoint: Path, tmp_path: Path) -> dict[str, Any]:
    """A run of the tiny model, with one song of its data set and one prompt as samples."""
    checkpoint = open_checkpoint(tiny_checkpoint)
    folder = write_songs(tmp_path / "tiny songs", checkpoint.fingerprint(), checkpoint.config.encoder_hidden_size)
    manifest = read_manifest(folder)
    told = {"prompt": text_prompt(SUNG), "lyrics": lyric_prompt(SUNG)}
    write_manifest(folder, replace(manifest, songs=tuple(replace(song, **told) for song in manifest.songs)))
    shared_by_model(folder, tiny_checkpoint)
    document = put(put(train_document, "model.checkpoint", str(tiny_checkpoint)), "data.tensors", str(folder))
    samples = {"every_epochs": 1, "songs": 1, "prompts": "loud drums | ", "duration": 1.0, "steps": 3}
    return put(put(document, "samples", samples), "optimizer.learning_rate", 0.05)


def shared_by_model(folder: Path, model: Path) -> None:
    """Puts the model's own silence and null condition among the tensors, as `preprocess` does."""
    from sidestep_tui.engine.data.tensors import SharedTensors, write_shared

    checkpoint = open_checkpoint(model)
    null = checkpoint.load_condition_encoder("cpu", torch.float32).null_condition_emb.detach().reshape(1, -1)
    write_shared(folder, SharedTensors(silence_latent=checkpoint.silence_latent(), null_condition=null))


def _samples(run: RunDirectory) -> list[SampleWritten]:
    return [e for e in read_events(run.events_file) if isinstance(e, SampleWritten)]


def _losses(run: RunDirectory) -> list[Any]:
    return [(e.step, e.losses, e.gradient_norm) for e in read_events(run.events_file) if isinstance(e, StepCompleted)]


def test_prompts_are_read_back_as_they_were_told() -> None:
    assert read_prompts(text_prompt(SUNG), lyric_prompt(SUNG)) == SUNG
    unknown = SongFields("x\n\n# Metas\n- bpm: 3", 7.0, "[Instrumental]")
    assert read_prompts(text_prompt(unknown), lyric_prompt(unknown)) == unknown
    assert read_prompts("a caption of other tensors", "la la") is None


def test_the_names_of_samples_keep_letters_of_any_script(train_document: dict[str, Any], songs: Path) -> None:
    """Vowel signs belong to their letters; a long title leaves room for what else is named after the song."""
    prompts = f"雪 / ../夜|हिन्दी गीत|.hidden\x1b[31m|☃|{'長' * 99}"
    settings = TrainSettings.model_validate(put(train_document, "samples", {"songs": 0, "prompts": prompts}))
    made = songs_to_sample(JobContext(RunDirectory(songs), None), settings, read_manifest(songs))
    assert [song.name for song in made] == [
        "1-雪-夜.flac",
        "2-हिन्दी-गीत.flac",
        "3-hidden-31m.flac",
        "4-song.flac",
        f"5-{'長' * 30}.flac",
    ]


def test_a_run_is_heard_before_while_and_after_and_sounds_as_generate_does(
    engine: Engine, document: dict[str, Any], tmp_path: Path
) -> None:
    run, state = engine.run("heard", "train", document)
    assert not state.warnings
    events = _samples(run)
    assert [(e.step, e.prompt, e.seed) for e in events] == [
        (step, prompt, 42) for step in (0, 4, 8) for prompt in (SUNG.caption, "loud drums")
    ]
    assert events[2].path == "samples/step-00000004/1-song-0.flac"
    for event in events:
        assert (run.path / event.path).with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    told = {"prompt": SUNG.caption, "lyrics": SUNG.lyrics, "language": "en", "bpm": 90, "keyscale": "D minor"}
    for number, (event, asked) in enumerate(
        ((events[0], told), (events[4], told), (events[5], {"prompt": "loud drums"}))
    ):
        output = tmp_path / f"{number}.flac"
        asked = asked | ({"timesignature": "3"} if asked is told else {})
        adapter = {} if event.step == 0 else {"adapter": str(run.final)}
        made = {"model": document["model"], "output": str(output), "duration": 1.0, "steps": 3, **asked, **adapter}
        engine.run(f"generated {number}", "generate", made)
        ours, theirs = read_audio(run.path / event.path), read_audio(output)
        assert abs(ours - theirs).max() < 2e-3 * abs(theirs).max()
    first, last = (read_audio(run.path / e.path) for e in (events[0], events[4]))
    assert abs(first - last).max() > 0.02  # the adapter is heard


def test_songs_are_made_after_every_so_many_epochs_and_at_the_end(engine: Engine, document: dict[str, Any]) -> None:
    document = put(put(document, "samples.every_epochs", 2), "samples.songs", 0)
    run, _ = engine.run("heard", "train", put(document, "training.epochs", 3))
    assert [event.step for event in _samples(run)] == [0, 8, 12]


@pytest.mark.parametrize("step", [0, 4])
def test_songs_that_a_stop_leaves_out_are_made_when_the_run_goes_on(
    engine: Engine, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    write = Sampler.write

    def write_while_the_machine_goes_down(sampler: Sampler, after: int) -> None:
        if after == step:
            os.kill(os.getpid(), signal.SIGTERM)
        write(sampler, after)

    run = engine.create("heard", "train", put(document, "samples.songs", 0))
    with monkeypatch.context() as patch:
        patch.setattr(Sampler, "write", write_while_the_machine_goes_down)
        assert engine.work(run)[1].status == "stopped"
    assert engine.work(run)[1].status == "completed"
    assert [event.step for event in _samples(run)] == [0, 4, 8]


@pytest.mark.parametrize("optimizer", ["adamw", "schedule_free"])
def test_sampling_changes_nothing_in_a_run(engine: Engine, document: dict[str, Any], optimizer: str) -> None:
    document = put(put(document, "optimizer.name", optimizer), "adapter.dropout", 0.1)
    heard, _ = engine.run("heard", "train", document)
    silent, _ = engine.run("silent", "train", put(document, "samples.every_epochs", None))
    assert _losses(heard) == _losses(silent)
    assert not (silent.path / "samples").exists()


def test_samples_on_request(engine: Engine, document: dict[str, Any]) -> None:
    run = engine.create("asked", "train", put(document, "samples.every_epochs", None))
    (run.commands / "1-sample.json").write_text(json.dumps({"command": "sample", "arguments": {}}))
    (run.commands / "2-sample.json").write_text(json.dumps({"command": "sample", "arguments": {}}))
    code, state = engine.work(run)
    assert (code, state.status) == (0, "completed")
    assert [e.step for e in _samples(run)] == [1, 1]  # two songs, heard once
    assert [(c.command, c.step) for c in state.commands] == [("sample", 1), ("sample", 1)]
    phases = [e.phase for e in read_events(run.events_file) if isinstance(e, PhaseChanged)]
    assert phases[-4:] == ["training", "sampling", "training", "finishing"]


def test_a_request_that_no_song_can_answer_is_refused_aloud(engine: Engine, document: dict[str, Any]) -> None:
    quiet = {"every_epochs": None, "songs": 0, "prompts": ""}
    run = engine.create("mute", "train", put(document, "samples", quiet))
    (run.commands / "1-sample.json").write_text(json.dumps({"command": "sample", "arguments": {}}))
    _, state = engine.work(run)
    assert [(warning.what, warning.fix) for warning in state.warnings] == [
        ("There is no song to sample.", "give samples.prompts or samples.songs")
    ]
    assert not state.commands


def test_prompts_that_cannot_be_sampled_are_told_only_where_samples_are_wanted(
    engine: Engine, document: dict[str, Any]
) -> None:
    manifest = Path(document["data"]["tensors"]) / "manifest.json"
    entries = json.loads(manifest.read_text())
    for song in entries["songs"]:
        song["lyrics"] = "x" * 100_000
        song["prompt"] = "y" * 100_000
    manifest.write_text(json.dumps(entries))
    silent, state = engine.run("silent", "train", put(document, "samples.every_epochs", None))
    assert not state.warnings
    heard, state = engine.run("heard", "train", document)
    assert [warning.what for warning in state.warnings] == ["The song's prompt cannot be used for a sample."]
    assert len(_samples(heard)) > 0 == len(_samples(silent))


def test_a_song_without_a_caption_leaves_its_place_to_the_next(engine: Engine, document: dict[str, Any]) -> None:
    """The run gave no song to listen to, though all others had captions."""
    manifest = Path(document["data"]["tensors"]) / "manifest.json"
    entries = json.loads(manifest.read_text())
    first, second = sorted(entries["songs"], key=lambda song: song["key"])[:2]
    first["prompt"] = text_prompt(replace(SUNG, caption=""))
    manifest.write_text(json.dumps(entries))
    run, state = engine.run("heard", "train", put(document, "samples", {**document["samples"], "songs": 1}))
    assert not state.warnings
    told = f"1-{safe_name(Path(second['key']).stem)}.flac"
    assert {Path(sample.path).name for sample in _samples(run)} == {told, "2-loud-drums.flac"}


def test_a_sample_that_is_no_number_does_not_end_the_run(engine: Engine, document: dict[str, Any]) -> None:
    _, state = engine.run("loud", "train", put(document, "optimizer.learning_rate", 10.0))
    assert state.status == "completed"
    assert all("not numbers" in warning.what for warning in state.warnings)


def test_a_sound_that_is_no_number_does_not_end_the_run(
    engine: Engine, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Latents far from any music are numbers, and what the VAE makes of them in half precision need not be."""
    monkeypatch.setattr(generate_song, "decode_latents", lambda *_, **__: torch.full((2, 1920), float("inf")))
    run, state = engine.run("loud", "train", document)
    assert (state.status, _samples(run)) == ("completed", [])
    assert {warning.what for warning in state.warnings} == {"The decoded song holds values that are not numbers."}


@pytest.mark.parametrize("sharded", [False, True])
def test_a_sample_that_finds_the_memory_full_ends_a_run_whose_other_ranks_wait_for_it(
    engine: Engine, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, sharded: bool
) -> None:
    def full(*_: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.25 GiB.")

    def prepared(*arguments: Any) -> Any:
        setup = prepare(*arguments)
        return replace(setup, place=replace(setup.place, ranks=Ranks(0, 1, sharded=sharded)))

    monkeypatch.setattr(sampler, "sample_latents", full)
    monkeypatch.setattr(train, "prepare", prepared)
    _, state = engine.work(engine.create("full", "train", document))
    if sharded:
        assert state.failure.what == "The memory of rank 0 of 1 does not suffice: CUDA out of memory."
    else:
        assert state.status == "completed"
        assert {warning.what for warning in state.warnings} == {"The device has no room for samples."}
