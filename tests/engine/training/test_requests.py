"""Requests to a training run: all of them are recorded, and what was set is set again by a run that goes back."""

import json
import shutil
from typing import Any

import pytest

from sidestep_tui.config.fields import put
from sidestep_tui.runs.control import COMMANDS
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import CommandApplied, PhaseChanged, StepCompleted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine


def _ask(run: RunDirectory, number: int, command: str, **arguments: str) -> None:
    text = json.dumps({"command": command, "arguments": {k.replace("__", "."): v for k, v in arguments.items()}})
    (run.commands / f"{number}-{command}.json").write_text(text)


@pytest.fixture
def constant(train_document: dict[str, Any]) -> dict[str, Any]:
    document = put(put(train_document, "schedule.name", "constant"), "schedule.warmup_steps", 0)
    return put(document, "samples.songs", 0)


def test_every_request_that_is_done_is_recorded(engine: Engine, constant: dict[str, Any]) -> None:
    run = engine.create("steered", "train", constant)
    asked = ("pause", "resume", "save", "sample", "validate", "set", "stop")
    assert set(asked) == set(COMMANDS)
    for number, command in enumerate(asked):
        _ask(run, number, command, **({"optimizer__learning_rate": "5e-4"} if command == "set" else {}))
    code, state = engine.work(run)
    assert (code, state.status) == (0, "stopped")
    recorded = [e for e in read_events(run.events_file) if isinstance(e, CommandApplied)]
    assert sorted(e.command for e in recorded) == sorted(set(asked) - {"sample"})  # these songs cannot be sampled
    assert [warning.what for warning in state.warnings] == ["There is no song to sample."]
    assert {e.step for e in recorded} == {1}
    phases = [e.phase for e in read_events(run.events_file) if isinstance(e, PhaseChanged)]
    assert phases[phases.index("paused") :] == ["paused", "training"]
    assert [v.step for v in state.validations] == [0, 1]
    assert [c.step for c in state.checkpoints if c.kind == "regular"] == [1]


def test_what_was_set_after_the_checkpoint_is_set_again(engine: Engine, constant: dict[str, Any]) -> None:
    run = engine.create("killed", "train", put(constant, "checkpoints.every_steps", 1))
    _ask(run, 1, "set", optimizer__learning_rate="5e-4")
    _, state = engine.work(run)
    assert list(state.curves.learning_rate) == [1e-3] + [5e-4] * 7
    whole = [e.losses for e in read_events(run.events_file) if isinstance(e, StepCompleted)]
    for kept in ("step-00000001", None):  # the last one was written before the request, or there is none at all
        for folder in run.checkpoints.iterdir():
            if folder.name != kept:
                shutil.rmtree(folder)
        _, state = engine.work(run)
        assert list(state.curves.learning_rate) == [1e-3] + [5e-4] * 7
    again = [e.losses for e in read_events(run.events_file) if isinstance(e, StepCompleted)]
    assert again[-8:] == whole
    assert len([e for e in read_events(run.events_file) if isinstance(e, CommandApplied)]) == 1
