"""A training run with compiled blocks, through the engine's door."""

import shutil
from typing import Any

import pytest

from sidestep_tui.config.fields import put
from sidestep_tui.config.layers import problems_of
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs.events import PhaseChanged, StepCompleted, WarningRaised
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++", "cl"))), reason="no C++ compiler here")
def test_a_compiled_run_tells_its_warm_up_and_learns_the_same(engine: Engine, train_document: dict[str, Any]) -> None:
    # An adapter without the MLP, and no validation, whose graphs have no gradients: fewer kernels.
    document = put(put(train_document, "adapter.targets.mlp", False), "validation.songs", 0)
    losses = {}
    for name, value in (("plain", False), ("compiled", True)):
        run, _ = engine.run(name, "train", put(document, "memory.compile", value))
        events = list(read_events(run.events_file))
        losses[name] = [event.loss for event in events if isinstance(event, StepCompleted)]
        told = {event.detail for event in events if isinstance(event, PhaseChanged) and "compiling" in event.phase}
        # Nothing else: what is recorded beside the adapter runs without gradients, and would need graphs of its own.
        assert told == ({"windowed attention", "full attention"} if value else set())
        assert not any(isinstance(event, WarningRaised) and event.where == "memory.compile" for event in events)
    assert losses["compiled"] == pytest.approx(losses["plain"], rel=1e-4)


@pytest.mark.parametrize(("path", "value"), [
    ("memory.weights", "int8"), ("memory.attention", "reference"), ("memory.stream_blocks", 2),
    ("training.sharding", "fsdp"),
])  # fmt: skip
def test_what_was_not_tried_together_is_refused(path: str, value: Any, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "memory.compile", True), path, value)
    assert any("memory.compile needs" in problem.message for problem in problems_of(TrainSettings, document))
