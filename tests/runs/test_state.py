"""The fold over events: pure, forgetful only where a resumed run does steps again, and fast."""

import math
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.curves import MOST_ENTRIES
from sidestep_tui.runs.series import Entries, Series
from sidestep_tui.runs.state import RunState, apply, replay

START = ev.RunStarted(job="train", pid=1, host="box", device="cpu", version="1", time=100.0)
PLAN = ev.Planned(
    total_steps=10, steps_per_epoch=2, epochs=5, songs=2, validation_songs=0, trainable_parameters=1, adapted_modules=1
)


def step(number, loss=0.5, at=None, **samples):
    return ev.StepCompleted(
        step=number, epoch=(number + 1) // 2, loss=loss, gradient_norm=1.0, learning_rate=1e-4, seconds=2.0,
        data_seconds=0.5, time=100.0 + 2 * number if at is None else at, **samples,
    )  # fmt: skip


def test_a_run_from_start_to_end():
    state = replay([START, PLAN, *(step(n) for n in range(1, 5))])
    assert (state.status, state.step, state.epoch, state.total_steps) == ("running", 4, 2, 10)
    assert list(state.curves.step) == [1, 2, 3, 4]
    assert state.recent_seconds_per_step() == 2.0
    assert state.seconds_left() == 12.0
    assert state.data_wait_share() == 0.25
    done = apply(state, ev.RunCompleted(results={"loss": 0.5}, time=120.0))
    assert (done.status, done.ended_at, done.results, done.seconds_left()) == ("completed", 120.0, {"loss": 0.5}, None)


def test_applying_leaves_older_states_as_they_were():
    state = RunState()
    states = [state := apply(state, event) for event in (START, PLAN, step(1), step(2), step(3))]
    assert [list(older.curves.step) for older in states] == [[], [], [1], [1, 2], [1, 2, 3]]
    branch = apply(states[2], step(2, loss=9.0))
    assert list(branch.curves.loss) == [0.5, 9.0]
    assert list(states[4].curves.loss) == [0.5, 0.5, 0.5]


def test_a_step_that_is_done_again_takes_its_own_place_and_that_of_all_after_it():
    state = replay([START, step(1), step(2), step(3), step(2, loss=9.0)])
    assert (list(state.curves.step), list(state.curves.loss)) == ([1, 2], [0.5, 9.0])


def test_replaying_in_pieces_gives_the_same_state():
    events = [START, PLAN, *(step(n) for n in range(1, 8)), ev.RunStopped(reason="asked", step=7)]
    assert replay(events[4:], replay(events[:4])) == replay(events)


EVENTS = st.one_of(
    st.builds(
        step, st.integers(1, 200), loss=st.sampled_from([0.5, None]),
        timesteps=st.just((0.1, 0.2, 0.9)), losses=st.tuples(*[st.sampled_from([0.25, 4.0, None])] * 3),
    ),
    st.builds(ev.StepSkipped, step=st.integers(1, 200), reason=st.just("not finite")),
    st.builds(ev.DeviceSampled, process_bytes=st.just(1), device_bytes=st.just(2), device_total_bytes=st.just(3)),
    st.builds(
        ev.RunStarted, job=st.just("train"), pid=st.just(1), host=st.just("b"), device=st.just("cpu"),
        version=st.just("1"), resumed_from_step=st.none() | st.integers(1, 200),
    ),
)  # fmt: skip


@given(first=st.integers(1, 200), events=st.lists(EVENTS, max_size=30))
def test_replaying_many_is_applying_one_after_another(first, events):
    events = [START, *(step(n) for n in range(first, first + 100)), *events]
    state = RunState()
    for event in events:
        state = apply(state, event)
    assert replay(events) == state


def test_a_resumed_run_forgets_what_it_does_again():
    validation = [ev.ValidationCompleted(step=n, loss=0.1 * n) for n in (2, 4)]
    epochs = [ev.EpochCompleted(epoch=n // 2, step=n, loss=0.5, seconds=4.0) for n in (2, 4)]
    skipped = ev.StepSkipped(step=5, reason="not finite")
    before = replay([START, PLAN, *map(step, range(1, 5)), *validation, *epochs, skipped, ev.RunFailed(what="killed")])
    resumed = apply(before, ev.RunStarted(
        job="train", pid=2, host="box", device="cpu", version="1", resumed_from_step=2, time=500.0,
    ))  # fmt: skip
    assert (resumed.status, resumed.step, resumed.failure, resumed.ended_at) == ("running", 2, None, None)
    assert list(resumed.curves.step) == [1, 2]
    assert [v.step for v in resumed.validations] == [2]
    assert [e.step for e in resumed.epochs] == [2]
    assert (before.skipped_steps, resumed.skipped_steps) == (1, 0)
    assert resumed.started_at == 100.0
    assert before.status == "failed"
    again = replay([step(3, loss=7.0)], resumed)
    assert list(again.curves.loss) == [0.5, 0.5, 7.0]


def test_the_pause_before_a_resumption_does_not_count_as_time_per_step():
    state = replay([START, PLAN, step(1), step(2)])
    state = replay(
        [
            ev.RunStarted(job="train", pid=2, host="b", device="cpu", version="1", resumed_from_step=2, time=100_000.0),
            step(3, at=100_002.0),
            step(4, at=100_004.0),
        ],
        state,
    )
    assert state.recent_seconds_per_step() == pytest.approx(2.0)


def test_a_pause_does_not_count_as_time_per_step():
    pause, on = (ev.CommandApplied(command=name, step=2, time=at) for name, at in (("pause", 104.0), ("resume", 9e4)))
    state = replay([START, PLAN, step(1), step(2), pause, on, step(3, at=90_002.0)])
    assert state.recent_seconds_per_step() == 2.0
    assert state.seconds_left() == 14.0
    state = replay([step(4, at=90_004.0)], state)
    assert state.recent_seconds_per_step() == 2.0


def counted(done, at, total=6, unit="songs"):
    return ev.Progress(done=done, total=total, unit=unit, time=at)


def test_the_time_to_the_end_of_a_count_is_told_from_its_own_pace():
    """Not from that of what came before it, or of days in which no engine was at work."""
    audio = [counted(0, 200.0), counted(3, 500.0), counted(6, 800.0)]
    state = replay([START, *audio, counted(0, 900.0)])
    assert state.seconds_left() is None
    state = replay([counted(1, 902.0), counted(2, 904.0)], state)
    assert state.seconds_left() == 8.0
    again = ev.RunStarted(job="preprocess", pid=2, host="b", device="cpu", version="1", time=90_000.0)
    state = replay([again, counted(2, 90_010.0), counted(3, 90_012.0)], state)
    assert state.seconds_left() == 6.0
    assert apply(state, ev.RunFailed(what="x", time=90_013.0)).seconds_left() is None


def test_days_without_an_engine_are_no_time_at_work():
    state = replay([START, PLAN, step(1), step(2)])
    assert state.seconds_at_work() == 4.0
    again = ev.RunStarted(job="train", pid=2, host="b", device="cpu", version="1", resumed_from_step=2, time=90_000.0)
    state = replay([again, step(3, at=90_010.0)], state)
    assert state.seconds_at_work() == 14.0
    assert state.seconds_at_work(90_011.0) == 15.0
    assert apply(state, ev.RunCompleted(time=90_020.0)).seconds_at_work() == 24.0
    assert RunState().seconds_at_work(1.0) is None


def test_a_clock_that_is_set_back_makes_no_step_shorter_than_it_was():
    state = replay([START, PLAN, step(1, at=100_000.0), step(2, at=100_002.0), step(3, at=96_404.0)])
    assert state.recent_seconds_per_step() == pytest.approx(2.0)
    assert state.seconds_left() == pytest.approx(14.0)


def test_a_loss_that_was_not_finite_is_a_gap_in_the_curve():
    state = replay([START, step(1), step(2, loss=None), step(3)])
    assert [math.isnan(loss) for loss in state.curves.loss] == [False, True, False]


def test_losses_are_told_by_band_of_the_timestep():
    events = [
        START,
        step(1, timesteps=(0.0, 0.33, 0.34, 1.0), losses=(1.0, 2.0, 5.0, 7.0)),
        step(2, timesteps=(0.9, 0.95), losses=(None, 3.0)),
        step(3),
    ]
    curves = replay(events).curves
    assert list(curves.texture[:1]) == [1.5]
    assert list(curves.balance[:1]) == [5.0]
    assert list(curves.structure[:2]) == [7.0, 3.0]
    missing = [*curves.texture[1:], *curves.balance[1:], *curves.structure[2:]]
    assert len(missing) == 5
    assert all(map(math.isnan, missing))
    assert replay(events).recent_band_losses() == (1.5, 5.0, 5.0)


@pytest.mark.parametrize("steps_per_epoch", [1000, 1])
def test_a_hundred_thousand_steps_are_replayed_within_a_second(steps_per_epoch):
    events: list[ev.AnyEvent] = [START, PLAN]
    for n in range(1, 100_001):
        events.append(step(n, timesteps=(0.5,), losses=(0.5,)))
        if n % steps_per_epoch == 0:
            events.append(ev.EpochCompleted(epoch=n // steps_per_epoch, step=n, loss=0.5, seconds=1.0))
    begin = time.process_time()
    state = replay(events)
    assert time.process_time() - begin < 3  # three times the promise: shared machines
    assert len(state.curves.loss) == 100_000
    assert len(state.epochs) == 100_000 // steps_per_epoch


def test_very_long_curves_are_thinned_and_keep_their_ends_and_means():
    steps = MOST_ENTRIES + 10
    state = replay([START, *(step(n, loss=float(n % 2)) for n in range(1, steps + 1))])
    curves = state.curves
    assert len(curves.step) == MOST_ENTRIES // 2 + 10
    assert (curves.step[0], curves.step[-1]) == (2, steps)
    assert set(curves.loss[: MOST_ENTRIES // 2]) == {0.5}
    assert list(curves.step) == sorted(curves.step)
    assert state.recent_seconds_per_step() == pytest.approx(2.0)


def test_entries_are_views_that_keep_their_length():
    one = Entries("a")
    two, other = one.append("b"), one.append("c")
    assert (list(one), list(two), list(other)) == (["a"], ["a", "b"], ["a", "c"])
    assert (two[-1], two[0], two[1:], len(one)) == ("b", "a", ["b"], 1)
    assert two == Entries("ab")
    with pytest.raises(IndexError):
        one[1]


def test_series_are_views_that_keep_their_length():
    empty = Series()
    one = empty.extend([1.0])
    two, other = one.extend([2.0]), one.extend([3.0])
    assert (list(empty), list(one), list(two), list(other)) == ([], [1.0], [1.0, 2.0], [1.0, 3.0])
    assert list(two.truncate(1)) == [1.0]
    assert list(two.truncate(5)) == [1.0, 2.0]
    assert math.isnan(one.extend([None])[-1])


def test_series_are_indexed_like_lists():
    series, numbers = Series(range(5)), [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [series[i] for i in range(-5, 5)] == [numbers[i] for i in range(-5, 5)]
    for part in (slice(1, 3), slice(-2, None), slice(None, None, 2), slice(9, None)):
        assert list(series[part]) == numbers[part]
    for index in (5, -6):
        with pytest.raises(IndexError):
            series[index]
    assert series == Series(numbers)
    assert series != Series(numbers[:4])
    shorter = Series(numbers[:4])
    longer = shorter.extend([4.0])
    assert list(shorter[-2:]) == [2.0, 3.0]
    assert longer[4] == 4.0


def test_paused_until_a_resume_or_a_step_or_the_end():
    state = apply(replay([START, step(1)]), ev.CommandApplied(command="pause", time=103.0))
    assert state.is_paused
    assert not apply(state, ev.CommandApplied(command="resume", time=104.0)).is_paused
    assert not apply(state, step(2)).is_paused
    assert not apply(state, ev.RunStopped(reason="", time=104.0)).is_paused
    assert not apply(state, msgspec.structs.replace(START, time=104.0, resumed_from_step=1)).is_paused
