"""What is no number: a song that holds it, a loss that becomes it, and the steps around it."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from sidestep_tui.config.fields import put
from sidestep_tui.engine.data.manifest import read_manifest
from sidestep_tui.engine.data.songs import split_songs
from sidestep_tui.runs.events import StepSkipped
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def test_nan_in_a_song_is_named(engine: Engine, train_document: dict[str, Any], songs: Path) -> None:
    entry = read_manifest(songs).songs[0]
    tensors = load_file(songs / entry.file)
    tensors["latent_mean"][3, 3] = float("nan")
    save_file(tensors, songs / entry.file)
    code, state = engine.work(engine.create("nan", "train", train_document))
    assert code == 1
    assert state.failure is not None
    assert "song 0.wav" in state.failure.what
    assert state.failure.fix


def test_a_loss_that_is_no_number_stops_the_run_with_a_diagnosis(
    engine: Engine, train_document: dict[str, Any], songs: Path
) -> None:
    for entry in read_manifest(songs).songs:
        tensors = load_file(songs / entry.file)
        save_file({**tensors, "condition": torch.full_like(tensors["condition"], 3e38)}, songs / entry.file)
    document = put(put(train_document, "objective.condition_dropout", 0), "training.epochs", 60)
    code, state = engine.work(engine.create("diverges", "train", put(document, "validation.songs", 0)))
    assert code == 1
    assert (state.skipped_steps, len(state.curves.step)) == (10, 0)
    assert state.failure is not None
    assert "song" in state.failure.where
    assert "learning_rate" in state.failure.fix


def test_a_step_that_is_no_number_moves_nothing_and_leaves_nothing_behind(
    engine: Engine, train_document: dict[str, Any], songs: Path
) -> None:
    """One of four songs gives no number: its steps are skipped, and the gradients of those after them are their own."""
    entry = read_manifest(songs).songs[2]
    tensors = load_file(songs / entry.file)
    save_file({**tensors, "condition": torch.full_like(tensors["condition"], 3e38)}, songs / entry.file)
    document = put(put(train_document, "objective.condition_dropout", 0), "checkpoints.every_steps", 1)
    document = put(put(document, "checkpoints.keep_last", 20), "validation.songs", 0)
    run, state = engine.run("one bad song", "train", document)
    skipped = {e.step: e.songs for e in read_events(run.events_file) if isinstance(e, StepSkipped)}
    assert list(skipped.values()) == [(entry.key,)] * 2, "once in each of two epochs"
    assert sorted({*skipped, *state.curves.step}) == list(range(1, 11))
    for step in sorted({*skipped} - {1}):
        before, after = (_weights(run.checkpoints / f"step-{number:08d}") for number in (step - 1, step))
        assert all(torch.equal(value, before[key]) for key, value in after.items())


def test_a_validation_that_is_no_number_is_no_best(engine: Engine, train_document: dict[str, Any], songs: Path) -> None:
    """The held-out song gives no number, whatever the adapter has learned."""
    (held_out,) = split_songs(read_manifest(songs), songs, 1, 42).validation
    tensors = load_file(songs / held_out.file)
    save_file({**tensors, "condition": torch.full_like(tensors["condition"], 3e38)}, songs / held_out.file)
    run, state = engine.run("bad validation", "train", put(train_document, "training.seed", 42))
    assert [validation.loss for validation in state.validations] == [None] * len(state.validations)
    assert state.status == "completed"
    assert (state.results["best_step"], run.best.exists()) == (None, False)
