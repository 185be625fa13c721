"""A training run with compiled blocks, through the engine's door."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch

from sidestep_tui.acestep import compiled
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


class _TooLargeForTheCard(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def backward(_ctx: Any, *_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("No valid triton configs. OutOfResources: shared memory")


@pytest.mark.slow
@pytest.mark.parametrize(("recomputed", "way"), [("none", "back"), ("all", "forwards")])
def test_a_compiled_block_that_fails_in_the_middle_of_a_step_is_told_and_the_step_taken_as_written(
    recomputed: str, way: str, engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a new length, say; with what other blocks have done before it, in that step and in those before."""
    calls = 0

    def compiled_for_a_while(function: Callable[..., Any], **_: Any) -> Callable[..., torch.Tensor]:
        def call(*arguments: Any) -> torch.Tensor:
            nonlocal calls
            result: torch.Tensor = function(*arguments)
            calls += result.requires_grad
            if calls < 25 or not result.requires_grad:
                return result * 1  # keeps something else than the block as it was written
            if way == "forwards":
                raise RuntimeError("No valid triton configs. OutOfResources: shared memory")
            failing: torch.Tensor = _TooLargeForTheCard.apply(result)  # type: ignore[no-untyped-call]
            return failing

        return call

    monkeypatch.setattr(compiled.torch, "compile", compiled_for_a_while)
    document = put(put(train_document, "memory.checkpointing", recomputed), "training.gradient_accumulation", 2)
    plain, wanted = engine.run("plain", "train", document)
    run, found = engine.run("compiled", "train", put(document, "memory.compile", True))
    warnings = [e for e in read_events(run.events_file) if isinstance(e, WarningRaised) and e.where == "memory.compile"]
    (warning,) = warnings
    assert "OutOfResources" in warning.what
    assert (found.status, found.step) == (wanted.status, wanted.step) == ("completed", wanted.step)
    for path in plain.final.glob("*.safetensors"):
        assert (run.final / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("path", "value"), [
    ("memory.weights", "int8"), ("memory.attention", "reference"), ("memory.stream_blocks", 2),
    ("training.sharding", "fsdp"),
])  # fmt: skip
def test_what_was_not_tried_together_is_refused(path: str, value: Any, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "memory.compile", True), path, value)
    assert any("memory.compile needs" in problem.message for problem in problems_of(TrainSettings, document))
