"""Going on with other settings: what may change freely, what only by force, and the record of it."""

import json
from pathlib import Path

import pytest

from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import RunStarted
from sidestep_tui.runs.log import read_events


@pytest.fixture
def failed_run(sidestep, stub_engine, inputs, tmp_path):
    """A run of a stub engine that has failed and can be resumed."""
    stub_engine("fail")
    assert sidestep("train", *inputs, "--output", tmp_path / "run", "--lr", "1e-4", "--rank", 8).code == 1
    stub_engine("complete")
    return RunDirectory(tmp_path / "run")


def test_what_does_not_touch_the_mathematics_changes_freely(sidestep, failed_run):
    began = failed_run.config_file.read_bytes()
    result = sidestep("resume", failed_run.path, "--set", "checkpoints.keep_last=5", "--set", "device=cpu")
    assert result.code == 0
    assert "From here on checkpoints.keep_last 3 → 5." in result.out
    assert failed_run.settings().checkpoints.keep_last == 5
    assert failed_run.settings().model.device == "cpu"
    assert failed_run.config_file.read_bytes() == began
    assert json.loads(failed_run.changes_file.read_text())[0]["forced"] == []


def test_a_change_of_the_mathematics_is_refused_by_name_with_both_values(sidestep, failed_run):
    values = ("--set", "lr=1e-5", "--set", "checkpoints.keep_last=5", "--set", "training.max_steps=9")
    result = sidestep("resume", failed_run.path, *values)
    assert result.code == 2
    assert "optimizer.learning_rate 0.0001 → 1e-05; training.max_steps none → 9." in result.err
    assert "keep_last" not in result.err
    assert "--force" in result.err
    assert not failed_run.changes_file.exists()


def test_a_forced_change_is_on_record(sidestep, failed_run):
    assert sidestep("resume", failed_run.path, "--set", "optimizer.learning_rate=1e-5", "--force").code == 0
    (entry,) = json.loads(failed_run.changes_file.read_text())
    assert entry["changed"] == {"optimizer.learning_rate": [1e-4, 1e-5]}
    assert entry["forced"] == ["optimizer.learning_rate"]
    assert failed_run.settings().optimizer.learning_rate == 1e-5
    assert [str(change) for change in failed_run.changes()] == ["optimizer.learning_rate 0.0001 → 1e-05"]
    assert failed_run.changed_since(0) == {"optimizer.learning_rate"}
    assert failed_run.changed_since(1) == frozenset()


@pytest.mark.parametrize("text", ["optimizer.learning_rate", "=3", "nothing.like_it=3", "adapter.rank=0"])
def test_what_is_no_setting_or_no_value_changes_nothing(sidestep, failed_run, text):
    assert sidestep("resume", failed_run.path, "--set", text, "--force").code == 2
    assert not failed_run.changes_file.exists()


def test_train_into_a_run_of_the_same_settings_continues_it(sidestep, failed_run, inputs):
    result = sidestep("train", *inputs, "--output", failed_run.path, "--lr", "1e-4", "--rank", 8)
    assert result.code == 0
    assert len([e for e in read_events(failed_run.events_file) if isinstance(e, RunStarted)]) == 2
    assert not failed_run.changes_file.exists()


def test_train_into_a_run_of_other_settings_is_refused_unless_forced(sidestep, failed_run, inputs):
    arguments = ("train", *inputs, "--output", failed_run.path, "--lr", "2e-4", "--rank", 8)
    refused = sidestep(*arguments)
    assert refused.code == 2
    assert "optimizer.learning_rate 0.0001 → 0.0002." in refused.err
    assert sidestep(*arguments, "--force").code == 0
    assert failed_run.settings().optimizer.learning_rate == 2e-4


def test_a_run_that_failed_before_its_first_step_takes_any_settings(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("blunder")
    assert sidestep("train", *inputs, "--output", tmp_path / "run", "--rank", 8).code == 1
    stub_engine("complete")
    again = sidestep("train", *inputs, "--output", tmp_path / "run", "--rank", 16, "--lr", "2e-4")
    assert (again.code, "From here on adapter.rank 8 → 16." in again.out) == (0, True), again.err
    assert RunDirectory(tmp_path / "run").settings().adapter.rank == 16


def test_moved_folders_are_no_other_settings(sidestep, failed_run, inputs):
    tensors = Path(inputs[0])
    moved = tensors.rename(tensors.with_name("moved"))
    assert sidestep("train", moved, *inputs[1:], "--output", failed_run.path, "--lr", "1e-4", "--rank", 8).code == 0
    assert failed_run.settings().data.tensors == moved


def test_a_run_that_did_all_of_its_work_goes_on_only_with_more_of_it(sidestep, failed_run):
    assert sidestep("resume", failed_run.path).code == 0
    assert sidestep("resume", failed_run.path, "--set", "checkpoints.keep_last=5").code == 2
    assert not failed_run.changes_file.exists()
    assert sidestep("resume", failed_run.path, "--set", "epochs=400", "--force").code == 0


@pytest.mark.parametrize("text", ["[{}]", "[1]", "{}", "{"])
def test_damaged_changes_are_named(sidestep, failed_run, text):
    failed_run.changes_file.write_text(text)
    result = sidestep("resume", failed_run.path)
    assert result.code == 1
    assert str(failed_run.changes_file) in result.err
