"""Training runs that ask for recorded steps: what they may be asked together with, and what they say without a card."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sidestep_tui.config.fields import put
from sidestep_tui.config.layers import problems_of
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.memory.policy import policies_for
from sidestep_tui.engine.ranks import Place, Ranks
from sidestep_tui.engine.training import gradients
from sidestep_tui.runs.events import WarningRaised
from sidestep_tui.runs.log import read_events
from tests.acestep.support import trust
from tests.engine.conftest import Engine


@pytest.mark.parametrize(("path", "value"), [
    ("memory.stream_blocks", 2), ("memory.attention", "reference"),
    ("memory.checkpointing", "offload"), ("adapter.dropout", 0.1), ("training.sharding", "fsdp"),
    ("objective.prior_weight", 0.5),
])  # fmt: skip
def test_what_cannot_be_recorded_is_refused(path: str, value: Any, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "memory.graphs", True), "objective.prior_prompts", "a waltz")
    assert not problems_of(TrainSettings, document)
    assert any(
        "memory.graphs needs" in problem.message for problem in problems_of(TrainSettings, put(document, path, value))
    )


def test_auto_does_not_choose_what_leaves_the_card(train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "memory.graphs", True), "memory.checkpointing", "auto")
    assert policies_for(TrainSettings.model_validate(document)) == ("none", "half", "all")


def test_a_run_without_a_card_says_so_and_goes_on(engine: Engine, train_document: dict[str, Any]) -> None:
    run, state = engine.run("recorded", "train", put(train_document, "memory.graphs", True))
    assert state.status == "completed"
    events = read_events(run.events_file)
    warnings = [event.what for event in events if isinstance(event, WarningRaised) and event.where == "memory.graphs"]
    assert warnings == ["Steps run without CUDA graphs: the device is no CUDA card"]


def test_steps_in_float32_are_not_recorded(train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel takes no float32; what takes its place keeps its masks where the next recording would write."""
    card, warnings = torch.device("cuda", 0), list[str]()
    trust(card, monkeypatch)
    settings = TrainSettings.model_validate(put(train_document, "memory.graphs", True))
    context: Any = SimpleNamespace(warn_once=lambda what, *_: warnings.append(what))
    transformer = SimpleNamespace(proj_in_conv=torch.nn.Linear(1, 1))
    setup: Any = SimpleNamespace(
        model=SimpleNamespace(transformer=transformer, parameters={}),
        place=Place(card, torch.float32, Ranks()),
        songs=SimpleNamespace(drawing=SimpleNamespace(seed=0)),
        prior=(),
    )
    gradients.StepGradients(context, settings, setup)
    assert "no flash kernel" in warnings[0]
