"""How far a run is, in words and as a share: also where it has completed before the last of what it had planned."""

import pytest

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.state import replay
from sidestep_tui.tui.outline import Headway, headway


def _planned(steps: int) -> ev.Planned:
    return ev.Planned(
        total_steps=steps,
        steps_per_epoch=1,
        epochs=steps,
        songs=1,
        validation_songs=0,
        trainable_parameters=1,
        adapted_modules=1,
    )


def _step(step: int) -> ev.StepCompleted:
    return ev.StepCompleted(
        step=step, epoch=1, loss=1.0, gradient_norm=1.0, learning_rate=1.0, seconds=1.0, data_seconds=0.0
    )


SETTLED = (ev.SensitivityUpdated(batches_done=11, batches_total=12, modules=()),)
STOPPED_EARLY = (_planned(1200), _step(800))


@pytest.mark.parametrize(("events", "told"), [(SETTLED, "11 batches"), (STOPPED_EARLY, "800 steps")])
def test_a_run_that_needed_less_than_planned_is_done(events: tuple[ev.AnyEvent, ...], told: str) -> None:
    way = headway(replay([*events, ev.RunCompleted()]))
    assert way is not None
    assert (way.share, way.told) == (1.0, told)


@pytest.mark.parametrize(("events", "told"), [(SETTLED, "11 of 12 batches"), (STOPPED_EARLY, "800 of 1 200 steps")])
def test_a_run_that_was_stopped_is_as_far_as_it_came(events: tuple[ev.AnyEvent, ...], told: str) -> None:
    way = headway(replay([*events, ev.RunStopped(reason="asked")]))
    assert way is not None
    assert way.share < 1
    assert way.told == told


def test_what_had_nothing_to_do_is_done() -> None:
    way = headway(replay([ev.Progress(done=0, total=0, unit="songs"), ev.RunCompleted()]))
    assert way is not None
    assert (way.share, way.told) == (1.0, "0 of 0 songs")


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (Headway(0, 1, "songs"), "0 of 1 song"),
        (Headway(1, 18, "songs"), "1 of 18 songs"),
        (Headway(1, 18, "steps", completed=True), "1 step"),
        (Headway(3, 1, "moons"), "3 of 1 moons"),
    ],
)
def test_one_of_a_unit_is_told_as_one(way: Headway, told: str) -> None:
    assert way.told == told
