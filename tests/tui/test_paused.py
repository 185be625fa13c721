"""A run that is paused: every screen says so, and none promises an end that does not come nearer."""

from sidestep_tui.report.figures import duration
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.log import read_events

from .conftest import NOW, Events, MakeApp, MakeRun, Settle, shown


async def test_home_and_monitor_tell_that_a_run_is_paused(
    make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle
) -> None:
    pause = ev.CommandApplied(command="pause", step=620)
    run = make_run("waltz-night", events=training_events(620, 1200, pause), start=NOW - 500)
    with run.held():
        async with make_app().run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            drawn = shown(pilot.app)
            assert "waltz-night is paused at 620 of 1 200 steps." in drawn
            assert "● paused" in drawn
            await pilot.press("enter")
            await settle(pilot)
            assert "● paused" in shown(pilot.app)
            assert "left" not in shown(pilot.app).splitlines()[1]
            (asked,) = [event for event in read_events(run.events_file) if isinstance(event, ev.CommandApplied)]
            assert f"for {duration(NOW - asked.time)}" in shown(pilot.app).splitlines()[1]


async def test_an_engine_that_was_started_again_is_not_paused(
    make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle
) -> None:
    pause = ev.CommandApplied(command="pause", step=620)
    again = ev.RunStarted(job="train", pid=2, host="box", device="cuda:0", version="0", resumed_from_step=600)
    run = make_run("waltz-night", events=training_events(620, 1200, pause, again), start=NOW - 500)
    with run.held():
        async with make_app().run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            assert "waltz-night is running: 50 % done" in shown(pilot.app)
            assert "● running" in shown(pilot.app)
