"""`memory.checkpointing auto`: a measurement that fits wins, then the estimate, and the numbers stay the same."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.memory import peak
from sidestep_tui.engine.memory.policy import policies_for, with_policy
from sidestep_tui.engine.memory.recompute import use_checkpointing
from sidestep_tui.runs.events import PhaseChanged, StepCompleted
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.measured import CPU, Measured, remember
from tests.engine.conftest import Engine

GIB = 1024**3


@pytest.fixture
def document(train_document: dict[str, Any]) -> dict[str, Any]:
    return put(train_document, "memory.checkpointing", "auto")


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The memory that is free, to be changed."""
    state = {"bytes": 8 * GIB}

    class Watch(peak.PeakMemory):
        def __init__(self, device: torch.device) -> None:
            super().__init__(device)
            self.free = state["bytes"]

    monkeypatch.setattr("sidestep_tui.engine.memory.policy.PeakMemory", Watch)
    return state


def chosen(engine: Engine, document: dict[str, Any], name: str = "run") -> str:
    run, _ = engine.run(name, "train", document)
    (told,) = (
        event.detail
        for event in read_events(run.events_file)
        if isinstance(event, PhaseChanged) and event.phase == "choosing what is recomputed"
    )
    return told


def measured(document: dict[str, Any], policy: Any, peak_bytes: int | None) -> None:
    settings = with_policy(TrainSettings.model_validate(document), policy)
    remember(settings, CPU, Measured(policy, peak_bytes is not None, 8 * GIB, peak_bytes))


def test_without_a_measurement_the_estimate_decides(
    engine: Engine, document: dict[str, Any], free: dict[str, int]
) -> None:
    assert chosen(engine, document).startswith("memory.checkpointing none, as estimated")
    free["bytes"] = 1024
    assert chosen(engine, document, "small") == "memory.checkpointing offload, which takes least"


def test_the_fastest_measured_one_that_fits_now_is_taken(
    engine: Engine, document: dict[str, Any], free: dict[str, int]
) -> None:
    measured(document, "none", None)
    measured(document, "half", 6 * GIB)
    measured(document, "all", 3 * GIB)
    assert chosen(engine, document) == "memory.checkpointing half, as measured by a preflight"
    free["bytes"] = 6 * GIB  # without the margin
    assert chosen(engine, document, "less free") == "memory.checkpointing all, as measured by a preflight"


def test_what_was_measured_too_large_is_not_estimated_to_fit(engine: Engine, document: dict[str, Any]) -> None:
    measured(document, "half", None)
    assert chosen(engine, document).startswith("memory.checkpointing all, as estimated")


def test_a_preflight_measures_all_for_auto_and_the_run_takes_its_choice(
    engine: Engine, document: dict[str, Any]
) -> None:
    _, state = engine.run("preflight", "preflight", document)
    assert state.results["checkpointing"] == "none"
    assert chosen(engine, document) == "memory.checkpointing none, as measured by a preflight"


def test_the_losses_are_those_of_the_chosen_policy(engine: Engine, document: dict[str, Any], songs: Path) -> None:
    def losses(name: str, policy: str) -> list[float | None]:
        run, _ = engine.run(name, "train", put(document, "memory.checkpointing", policy))
        return [event.loss for event in read_events(run.events_file) if isinstance(event, StepCompleted)]

    assert losses("auto", "auto") == losses("none", "none")


def test_streamed_blocks_are_always_recomputed(document: dict[str, Any]) -> None:
    settings = TrainSettings.model_validate(put(document, "memory.stream_blocks", 1))
    assert policies_for(settings) == ("all", "offload")


def test_nothing_trains_with_auto_itself() -> None:
    with pytest.raises(ValueError, match="not resolved"):
        use_checkpointing(torch.nn.Module(), "auto")  # type: ignore[arg-type]
