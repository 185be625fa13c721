"""Which weights are the best ones, and which checkpoints a run does not go on from."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.data.manifest import read_manifest, write_manifest
from sidestep_tui.engine.training.validation import Validator
from sidestep_tui.engine.velocity_record import RECORD_FILE, Recorder
from sidestep_tui.runs.events import ValidationCompleted
from tests.engine.conftest import Engine


def _same_weights(one: Path, other: Path) -> bool:
    ours, theirs = (load_file(folder / "adapter_model.safetensors") for folder in (one, other))
    return all(torch.equal(ours[key], theirs[key]) for key in ours.keys() | theirs.keys())


def test_the_best_are_those_of_the_lowest_loss_after_training_began_and_the_final_ones_the_last(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {0: 1.0, 4: 3.0, 8: 2.0, 12: 2.5}

    def measure(_validator: Validator, _transformer: object, _device: object, step: int) -> ValidationCompleted:
        return ValidationCompleted(step=step, loss=told[step], train_loss=None, bands=(), songs={})

    monkeypatch.setattr(Validator, "measure", measure)
    document = put(put(train_document, "training.epochs", 3), "checkpoints.keep_last", 9)
    run, state = engine.run("three epochs", "train", document)
    assert (state.results["best_step"], state.results["best_validation_loss"]) == (8, 2.0)
    assert _same_weights(run.best, run.checkpoints / "step-00000008")
    assert _same_weights(run.final, run.checkpoints / "step-00000012")
    assert not _same_weights(run.best, run.final)


def test_the_best_of_a_run_that_is_made_longer_may_be_those_of_its_former_end(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were measured when their checkpoint had been saved already."""
    told = {0: 9.0, 12: 1.0, 16: 2.0}

    def measure(_validator: Validator, _transformer: object, _device: object, step: int) -> ValidationCompleted:
        return ValidationCompleted(step=step, loss=told[step], train_loss=None, bands=(), songs={})

    monkeypatch.setattr(Validator, "measure", measure)
    document = put(put(train_document, "training.epochs", 3), "validation.every_epochs", 9)
    run, _ = engine.run("longer", "train", document)
    run.change_settings(TrainSettings.model_validate(put(document, "training.epochs", 4)), force=True)
    _, state = engine.work(run)
    assert (state.results["best_step"], state.results["best_validation_loss"]) == (12, 1.0)
    assert _same_weights(run.best, run.checkpoints / "step-00000012")


def test_a_run_does_not_go_on_with_other_songs(engine: Engine, train_document: dict[str, Any], songs: Path) -> None:
    run = engine.create("changed", "train", train_document)
    (run.commands / "1-stop.json").write_text('{"command": "stop"}', "utf-8")
    engine.work(run)
    manifest = read_manifest(songs)
    first, *others = manifest.songs
    write_manifest(songs, replace(manifest, songs=(replace(first, source="another"), *others)))
    code, state = engine.work(run)
    assert code == 1
    assert state.failure is not None
    assert "songs have changed" in state.failure.what
    assert [folder.name for folder in run.checkpoints.iterdir()] == ["step-00000001"], "it is kept for the old songs"


def test_weights_have_their_name_when_what_they_do_is_recorded(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that is killed between the two would leave a `best/` without a record, where nothing makes one."""
    write, seen = Recorder.write, 0

    def look(recorder: Recorder, folder: Path) -> None:
        nonlocal seen
        named = [file.parent for file in run.path.rglob("adapter_model.safetensors") if ".tmp/" not in str(file)]
        assert all((weights / RECORD_FILE).is_file() for weights in named)
        write(recorder, folder)
        seen += 1

    monkeypatch.setattr(Recorder, "write", look)
    document = put(put(train_document, "training.ema_decay", 0.9), "training.epochs", 1)
    run = engine.create("killed", "train", document)
    assert engine.work(run)[1].status == "completed"
    assert seen == len(list(run.path.rglob(RECORD_FILE))) == 6


def test_weights_are_kept_where_there_is_no_room_to_record_what_they_do(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(_recorder: Recorder, _folder: Path) -> None:
        raise torch.OutOfMemoryError("Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Recorder, "write", fill)
    run, state = engine.run("full", "train", put(train_document, "training.epochs", 1))
    assert (run.checkpoints / "step-00000004" / "adapter_model.safetensors").is_file()
    assert "no room to record" in state.warnings[0].what


def test_an_average_that_is_asked_for_since_leaves_no_half_of_itself_in_the_checkpoint(
    engine: Engine, train_document: dict[str, Any]
) -> None:
    run = engine.create("averaged", "train", put(train_document, "checkpoints.keep_last", 9))
    for number, stop in enumerate((True, True, False)):
        if stop:
            (run.commands / f"{number}-stop.json").write_text('{"command": "stop"}', "utf-8")
        _, state = engine.work(run)
        assert state.status == ("stopped" if stop else "completed"), state.failure
        if number == 0:
            config = json.loads(run.config_file.read_text("utf-8"))
            run.config_file.write_text(json.dumps(put(config, "settings.training.ema_decay", 0.9)), "utf-8")
    first, second, *_ = sorted(run.checkpoints.iterdir())
    assert not (first / "ema").exists()
    assert (second / "ema" / RECORD_FILE).is_file()
