"""The files of a run: those that are there."""

from sidestep_tui.runs import events as ev

from ..conftest import Events, MakeApp, MakeRun, Settle, shown


async def test_checkpoints_that_made_room_for_later_ones_are_no_files(
    make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle
) -> None:
    run = make_run("album", events=training_events(400, 400, ev.RunCompleted()))
    for step in (300, 400):
        (run.checkpoints / f"step-{step:08d}").mkdir(parents=True)
    async with make_app("monitor", run=run).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("8")
        drawn = shown(pilot.app)
        assert [f"step-{step:08d}" in drawn for step in (100, 200, 300, 400)] == [False, False, True, True]
        await pilot.press("6")
        assert "step-00000100" in shown(pilot.app)
