"""What may change in a run while it works and when it goes on: the learning rate, and what is refused."""

import json
from typing import Any

import torch

from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs.events import RunStarted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine


def test_the_learning_rate_changes_while_running_and_stays_changed(
    engine: Engine, train_document: dict[str, Any]
) -> None:
    document = put(put(train_document, "schedule.name", "constant"), "schedule.warmup_steps", 0)
    run = engine.create("live", "train", document)
    ask = {"command": "set", "arguments": {"optimizer.learning_rate": "5e-4"}}
    (run.commands / "1-set.json").write_text(json.dumps(ask))
    (run.commands / "2-stop.json").write_text(json.dumps({"command": "stop", "arguments": {}}))
    engine.work(run)
    _, state = engine.work(run)
    assert state.status == "completed"
    assert list(state.curves.learning_rate) == [1e-3] + [5e-4] * 7
    assert sorted((c.command, c.step) for c in state.commands) == [("set", 1), ("stop", 1)]


def test_what_cannot_be_set_is_told(engine: Engine, train_document: dict[str, Any]) -> None:
    run = engine.create("refused", "train", put(train_document, "training.max_steps", 2))
    for number, arguments in enumerate(({"adapter.rank": "8"}, {"optimizer.learning_rate": "fast"})):
        (run.commands / f"{number}-set.json").write_text(json.dumps({"command": "set", "arguments": arguments}))
    _, state = engine.work(run)
    rank, rate = [w for w in state.warnings if "=" in (w.where or "")]
    assert (rank.what, rank.where) == ("adapter.rank cannot be set while running.", "adapter.rank=8")
    assert ("number" in rate.what, rate.where) == (True, "optimizer.learning_rate=fast")
    assert state.status == "completed"


def test_a_forced_learning_rate_wins_over_the_checkpoint_and_is_told(
    engine: Engine, train_document: dict[str, Any]
) -> None:
    document = put(put(train_document, "schedule.name", "constant"), "schedule.warmup_steps", 0)
    document = put(document, "checkpoints.every_steps", 1)
    run = engine.create("forced", "train", document)
    (run.commands / "1-stop.json").write_text(json.dumps({"command": "stop", "arguments": {}}))
    engine.work(run)
    changed = put(put(document, "optimizer.learning_rate", 5e-4), "optimizer.weight_decay", 0.5)
    run.change_settings(TrainSettings.model_validate(changed), force=True)
    code, state = engine.work(run)
    assert (code, list(state.curves.learning_rate)) == (0, [1e-3] + [5e-4] * 7)
    started = [e for e in read_events(run.events_file) if isinstance(e, RunStarted)]
    assert [e.settings["optimizer.learning_rate"] for e in started] == [1e-3, 5e-4]
    assert started[0].changed == {}
    assert set(started[1].changed) == {"optimizer.learning_rate", "optimizer.weight_decay"}
    stored = torch.load(run.checkpoints / "step-00000008" / "trainer.pt", weights_only=True)
    assert stored["optimizer"]["param_groups"][0]["weight_decay"] == 0.5


def test_a_live_learning_rate_outlives_a_resumption_after_a_forced_one(
    engine: Engine, train_document: dict[str, Any]
) -> None:
    """A checkpoint remembers which changes it was trained under: those before it do not undo a later `set`."""
    document = put(put(train_document, "schedule.name", "constant"), "schedule.warmup_steps", 0)
    run = engine.create("both", "train", document)
    run.change_settings(TrainSettings.model_validate(put(document, "optimizer.learning_rate", 5e-4)), force=True)
    ask = {"command": "set", "arguments": {"optimizer.learning_rate": "2e-4"}}
    (run.commands / "1-set.json").write_text(json.dumps(ask))
    (run.commands / "2-stop.json").write_text(json.dumps({"command": "stop", "arguments": {}}))
    engine.work(run)
    _, state = engine.work(run)
    assert list(state.curves.learning_rate) == [5e-4] + [2e-4] * 7


def test_another_optimizer_cannot_take_over_the_state(engine: Engine, train_document: dict[str, Any]) -> None:
    run = engine.create("other", "train", train_document)
    (run.commands / "1-stop.json").write_text(json.dumps({"command": "stop", "arguments": {}}))
    engine.work(run)
    run.change_settings(TrainSettings.model_validate(put(train_document, "optimizer.name", "came")), force=True)
    code, state = engine.work(run)
    assert code == 1
    assert state.failure is not None
    assert "another optimizer" in state.failure.what


def test_a_forced_learning_rate_wins_over_an_earlier_live_one(engine: Engine, train_document: dict[str, Any]) -> None:
    """What was set after the checkpoint's step is set again, unless the run was since told to go on with another."""
    document = put(put(train_document, "schedule.name", "constant"), "schedule.warmup_steps", 0)
    run = engine.create("later", "train", document)
    ask = {"command": "set", "arguments": {"optimizer.learning_rate": "2e-4"}}
    (run.commands / "1-set.json").write_text(json.dumps(ask))
    (run.commands / "2-stop.json").write_text(json.dumps({"command": "stop", "arguments": {}}))
    engine.work(run)
    run.change_settings(TrainSettings.model_validate(put(document, "optimizer.learning_rate", 5e-4)), force=True)
    _, state = engine.work(run)
    assert list(state.curves.learning_rate) == [1e-3] + [5e-4] * 7
