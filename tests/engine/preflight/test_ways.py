"""A preflight that looks for the fastest: which ways it tries, when it times them, and which of them it takes."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
import torch

from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.memory.full import MemoryFullError
from sidestep_tui.engine.memory.policy import other_ways
from sidestep_tui.engine.preflight import job
from sidestep_tui.engine.training import trainable_model
from sidestep_tui.engine.training.job import Trainer
from sidestep_tui.engine.training.plan import Step
from sidestep_tui.engine.training.setup import Setup
from sidestep_tui.runs.events import Progress, StepCompleted
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.measured import CPU, TABLE, recall
from tests.engine.conftest import Engine


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, bool], float | None]:
    """What a step is said to take, by policy and whether its blocks are compiled; None does not fit."""
    seconds: dict[tuple[str, bool], float | None] = {}

    class Pretended(Trainer):
        def __init__(self, context: JobContext, settings: TrainSettings, setup: Setup) -> None:
            self.memory = settings.memory

        def rehearse(self, steps: Iterable[Step]) -> list[StepCompleted]:
            taken = seconds[self.memory.checkpointing, self.memory.compile]
            if taken is None:
                raise MemoryFullError("full")
            return [StepCompleted(step.number, 1, 1.0, 1.0, 1e-3, taken, 0.0) for step in steps]

    monkeypatch.setattr(job, "Trainer", Pretended)
    monkeypatch.setattr(trainable_model, "compile_blocks", lambda *_: None)
    return seconds


@pytest.mark.parametrize(
    ("plain", "compiled", "taken"),
    [(1.0, 0.8, "memory.compile"), (1.0, 0.98, None), (1.0, None, None), (0.8, 1.0, None)],
)
def test_what_makes_steps_faster_is_tried_with_the_policy_that_fits(
    engine: Engine,
    train_document: dict[str, Any],
    rehearsed: dict[tuple[str, bool], float | None],
    plain: float,
    compiled: float | None,
    taken: str | None,
) -> None:
    rehearsed |= {("none", False): None, ("half", False): plain, ("half", True): compiled}
    run, state = engine.run("preflight", "preflight", put(train_document, "preflight.policies", "fastest"))
    assert (state.results["checkpointing"], state.results["faster_with"]) == ("half", taken)
    assert state.results["seconds_per_step"] == (compiled if taken else plain)
    table = json.loads((run.path / TABLE).read_text("utf-8"))
    assert [(entry["checkpointing"], entry["compile"], entry["seconds"]) for entry in table] == [
        ("none", False, None), ("half", False, plain), ("half", True, compiled),
    ]  # fmt: skip
    progress = [event for event in read_events(run.events_file) if isinstance(event, Progress)]
    assert [(one.done, one.total, one.unit) for one in progress if one.unit in ("policies", "ways")] == [
        (0, 4, "policies"), (1, 4, "policies"), (2, 2, "policies"), (0, 1, "ways"), (1, 1, "ways"),
    ]  # fmt: skip
    document = put(put(train_document, "memory.checkpointing", "half"), "memory.compile", True)
    known = recall(TrainSettings.model_validate(document), CPU)
    assert known is not None
    assert known.seconds == compiled


def test_ways_that_settings_or_device_rule_out_are_not_tried(train_document: dict[str, Any]) -> None:
    def ways(device: str, **memory: Any) -> list[tuple[bool, bool]]:
        document = train_document | {"memory": memory}
        found = other_ways(TrainSettings.model_validate(document), torch.device(device))
        return [(way.memory.compile, way.memory.graphs) for way in found]

    assert ways("cuda") == [(False, True), (True, False), (True, True)]
    assert ways("cuda", graphs=True) == [(False, False), (True, False), (True, True)]
    assert ways("cuda", checkpointing="offload") == [(True, False)]
    assert ways("cuda", weights="int8") == [(False, True)]
    assert ways("cuda", stream_blocks=4) == []
    assert ways("cpu") == [(True, False)]


@pytest.mark.parametrize(("compiled", "recorded", "rounds"), [(False, False, 1), (True, False, 2), (True, True, 3)])
def test_lengths_compile_and_are_recorded_before_steps_are_timed(
    engine: Engine,
    train_document: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    compiled: bool,
    recorded: bool,
    rounds: int,
) -> None:
    taken: list[int] = []
    rehearse = Trainer.rehearse

    def seen(trainer: Trainer, steps: Iterable[Step]) -> list[StepCompleted]:
        steps = tuple(steps)
        taken.append(len(steps))
        return rehearse(trainer, steps)

    monkeypatch.setattr(Trainer, "rehearse", seen)
    monkeypatch.setattr(trainable_model, "compile_blocks", lambda *_: None)
    document = put(put(train_document, "memory.compile", compiled), "memory.graphs", recorded)
    engine.run("preflight", "preflight", put(document, "preflight.steps", 2))
    assert taken == [2] * (rounds + 1) + [3] * rounds
