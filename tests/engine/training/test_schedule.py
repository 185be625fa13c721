"""The learning rate at every step in closed form, and that runs use the rate of the step that they take."""

import math
from typing import Any

import pytest

from sidestep_tui.config.fields import put
from sidestep_tui.config.optimisation import ScheduleSettings
from sidestep_tui.engine.training.schedule import learning_rate_ratio
from tests.engine.conftest import Engine

TOTAL, WARMUP = 110, 10
HALFWAY = WARMUP + (TOTAL - WARMUP) // 2


@pytest.mark.parametrize(
    ("settings", "halfway"),
    [
        ({"name": "cosine"}, 0.5),
        ({"name": "linear"}, 0.5),
        ({"name": "polynomial", "power": 3.0}, 0.125),
        ({"name": "cosine_restarts", "restarts": 3}, 0.5),
        ({"name": "cosine_restarts", "restarts": 2}, 1.0),  # the second fall begins
        ({"name": "constant"}, 1.0),
    ],
)
def test_every_shape_begins_at_its_peak_and_ends_at_the_final_ratio(settings: dict[str, Any], halfway: float) -> None:
    schedule = ScheduleSettings(**settings, warmup_steps=WARMUP, final_ratio=0.2)
    assert learning_rate_ratio(schedule, WARMUP, TOTAL) == pytest.approx(1.0)
    assert learning_rate_ratio(schedule, HALFWAY, TOTAL) == pytest.approx(0.2 + 0.8 * halfway)
    assert learning_rate_ratio(schedule, TOTAL, TOTAL) == pytest.approx(1.0 if schedule.name == "constant" else 0.2)


def test_warm_up_is_linear_from_a_tenth_and_at_most_a_tenth_of_the_run() -> None:
    schedule = ScheduleSettings(name="constant", warmup_steps=10)
    assert [learning_rate_ratio(schedule, done, 100) for done in (0, 5, 10)] == pytest.approx([0.1, 0.55, 1.0])
    assert [learning_rate_ratio(schedule, done, 40) for done in (0, 2, 4)] == pytest.approx([0.1, 0.55, 1.0])


def test_a_formula_is_of_the_progress_after_the_warm_up() -> None:
    schedule = ScheduleSettings(name="formula", formula="1 - progress + step / total", warmup_steps=WARMUP)
    assert learning_rate_ratio(schedule, HALFWAY, TOTAL) == pytest.approx(0.5 + HALFWAY / TOTAL)


def test_a_run_takes_every_step_at_the_rate_of_its_place(engine: Engine, train_document: dict[str, Any]) -> None:
    """Also after a resumption, and by optimizer steps: two micro-batches are one."""
    document = put(put(train_document, "training.epochs", 4), "training.gradient_accumulation", 2)
    run = engine.create("rates", "train", put(document, "schedule.final_ratio", 0.0))
    (run.commands / "1-stop.json").write_text('{"command": "stop", "arguments": {}}', "utf-8")
    engine.work(run)
    _, state = engine.work(run)
    wanted = [1e-3 * (1 + math.cos(math.pi * done / 8)) / 2 for done in range(8)]
    assert list(state.curves.learning_rate) == pytest.approx(wanted, rel=1e-6)
