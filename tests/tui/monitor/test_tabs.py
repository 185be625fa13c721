"""The monitor's panels by the mouse, and the bands of a run that has taken few steps."""

from sidestep_tui.runs import events as ev

from ..conftest import NOW, Events, MakeApp, MakeRun, Settle, shown


async def test_a_click_opens_a_panel(
    make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle
) -> None:
    run = make_run("waltz-night", events=training_events(620, 1200), start=NOW - 500)
    async with make_app("monitor", run=run).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        tabs = shown(pilot.app).splitlines()[4]
        await pilot.click(offset=(tabs.index("8 Files") + 2, 4))
        await settle(pilot)
        assert "checkpoints/step-00000600" in shown(pilot.app)


async def test_a_band_without_steps_names_its_validation(
    make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle
) -> None:
    checked = ev.ValidationCompleted(step=1, loss=2.0, train_loss=2.0, bands=(1.5, 2.0, 2.5))
    run = make_run("waltz-night", events=training_events(1, 1200, checked), start=NOW - 500)
    async with make_app("monitor", run=run).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("2")
        legend = shown(pilot.app).splitlines()[5]
    assert [name in legend for name in ("texture", "balance", "structure")] == [True] * 3
