"""The monitor's columns: they grow, start over after a resume, and smooth without a lag at the start."""

import math

import msgspec
import pytest

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.state import apply, replay
from sidestep_tui.tui.monitor.columns import StepColumns


def step(number: int, loss: float | None, *, time: float | None = None) -> ev.StepCompleted:
    return ev.StepCompleted(
        step=number,
        epoch=0,
        loss=loss,
        gradient_norm=1.0,
        learning_rate=1e-4,
        seconds=0.5,
        data_seconds=0.0,
        time=float(number) if time is None else time,
    )


def test_columns_grow_by_what_is_new() -> None:
    columns = StepColumns()
    state = replay([step(n, 1.0 / n) for n in range(1, 4)])
    columns.extend(state.curves)
    columns.extend(apply(state, step(4, 0.25)).curves)
    assert columns.get("step").tolist() == [1, 2, 3, 4]
    assert columns.get("loss").tolist() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])


def test_bands_are_smoothed_over_their_own_steps() -> None:
    columns = StepColumns()
    losses = {0.1: 1.0, 0.5: 2.0, 0.9: 3.0}
    steps = [
        msgspec.structs.replace(step(n, loss), timesteps=(t,), losses=(loss,))
        for n, (t, loss) in enumerate([*losses.items()] * 50, start=1)
    ]
    columns.extend(replay(steps).curves)
    assert columns.get("smooth_texture").tolist() == pytest.approx([1.0] * 150)
    assert columns.get("smooth_balance")[1:].tolist() == pytest.approx([2.0] * 149)
    assert columns.get("smooth_structure")[2:].tolist() == pytest.approx([3.0] * 148)


def test_a_resumed_run_starts_over() -> None:
    columns = StepColumns()
    state = replay([step(n, 1.0) for n in range(1, 6)])
    columns.extend(state.curves)
    resumed = ev.RunStarted(job="train", pid=1, host="", device="cpu", version="", resumed_from_step=2)
    again = [step(n, 9.0, time=100.0 + n) for n in range(3, 8)]
    columns.extend(replay([resumed, *again], state).curves)
    assert columns.get("loss").tolist() == [1, 1, 9, 9, 9, 9, 9]


def test_the_mean_of_equal_values_is_that_value_from_the_first_step() -> None:
    columns = StepColumns()
    columns.extend(replay([step(n, 0.7) for n in range(1, 50)]).curves)
    assert columns.get("smooth_loss").tolist() == pytest.approx([0.7] * 49)


def test_a_loss_that_is_not_finite_does_not_poison_the_mean() -> None:
    columns = StepColumns()
    columns.extend(replay([step(1, None), step(2, 0.5), step(3, None), step(4, 0.5)]).curves)
    smooth = columns.get("smooth_loss").tolist()
    assert math.isnan(smooth[0])
    assert smooth[1:] == pytest.approx([0.5, 0.5, 0.5])
