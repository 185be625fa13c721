"""The target loss: the rate is damped near it, the run ends once it holds, and a resumed run does the same."""

import shutil
from typing import Any

import pytest

from sidestep_tui.config.fields import put
from sidestep_tui.engine.training.target import TargetState
from sidestep_tui.runs.events import PhaseChanged, StepCompleted
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.state import replay
from tests.engine.conftest import Engine

WINDOW = 4


def _after(*losses: float) -> TargetState:
    state = TargetState()
    for loss in losses:
        state = state.after_step(loss, 1.0, WINDOW)
    return state


def test_the_loss_is_smoothed_as_a_mean_first_and_exponentially_later() -> None:
    assert _after(2, 4, 6).smoothed == pytest.approx(4)
    assert _after(2, 4, 6, 8, 10).smoothed == pytest.approx(5 + (10 - 5) / WINDOW)


@pytest.mark.parametrize(
    ("smoothed", "factor"), [(5.0, 1.0), (1.2, 1.0), (1.1, 0.5), (1.05, 0.25), (1.0, 0.05), (0.3, 0.05)]
)
def test_the_rate_falls_with_the_distance_to_the_target(smoothed: float, factor: float) -> None:
    for target in (1.0, 0.5):
        assert TargetState(smoothed * target, WINDOW).damping(target, WINDOW) == pytest.approx(factor)


def test_too_few_losses_damp_nothing_and_end_nothing() -> None:
    state = _after(0.1, 0.1, 0.1)
    assert state.damping(1.0, WINDOW) == 1.0
    assert state.reached_for == 0


def test_it_ends_only_after_a_whole_window_below() -> None:
    assert not _after(*[0.5] * (2 * WINDOW - 2)).ends(WINDOW)
    for loss in (0.5, 1.0):  # at the target is as good as below it
        assert _after(*[loss] * (2 * WINDOW - 1)).ends(WINDOW)
    interrupted = _after(*[0.5] * (2 * WINDOW - 2), 9.0, *[0.5] * 6)
    assert interrupted.smoothed < 1
    assert interrupted.reached_for == 1, "the window begins anew"


def test_a_run_arrives_at_its_target_and_resumes_on_the_way(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "training.target_window", WINDOW), "training.target_loss", 100.0)
    document = put(put(document, "schedule.name", "constant"), "schedule.warmup_steps", 0)
    document = put(put(document, "training.epochs", 9), "checkpoints.every_steps", 1)
    whole, state = engine.run("whole", "train", document)
    ending = 2 * WINDOW - 1
    assert state.step == ending < 36
    assert list(state.curves.learning_rate) == pytest.approx([1e-3] * WINDOW + [5e-5] * (ending - WINDOW))
    assert (state.phase, state.phase_detail) == ("finishing", "the loss stays below 100")
    told = [e.detail for e in read_events(whole.events_file) if isinstance(e, PhaseChanged) and e.phase == "training"]
    assert told == ["", "near the target loss: the learning rate is damped"]

    run = engine.create("resumed", "train", document)
    shutil.copytree(whole.checkpoints / "step-00000006", run.checkpoints / "step-00000006")
    engine.work(run)
    steps = [e for e in read_events(run.events_file) if isinstance(e, StepCompleted)]
    assert [(e.step, e.learning_rate) for e in steps] == [(ending, pytest.approx(5e-5))]
    assert replay(read_events(run.events_file)).status == "completed"
