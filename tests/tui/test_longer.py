"""A training run that has ended trains longer, from home and from its monitor: asked how far, then started."""

import pytest
from textual.pilot import Pilot

from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import launch as launching
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.wizard.dialogs import AskScreen

from .conftest import SIZES, Events, Eventually, Looks, MakeApp, MakeRun, Settle, shown

DONE = ev.RunCompleted()


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[RunDirectory]:
    started: list[RunDirectory] = []
    monkeypatch.setattr(launching, "launch", started.append)
    return started


def epochs(run: RunDirectory) -> int:
    settings = run.settings()
    assert isinstance(settings, TrainSettings)
    return settings.training.epochs


async def test_home_asks_how_far_and_starts_the_engine(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, eventually: Eventually, training_events: Events,
    launched: list[RunDirectory],
) -> None:  # fmt: skip
    run = make_run("short", events=training_events(20, 20, DONE))
    before = epochs(run)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("r")
        await eventually(pilot, lambda: isinstance(app.screen, AskScreen))
        assert "Train short longer: training.epochs" in shown(app)
        await pilot.press("escape")
        assert (epochs(run), launched) == (before, [])
        await pilot.press("r")
        await eventually(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("ctrl+u", *str(before), "enter")
        assert f"more than {before}: so far it has come" in shown(app)
        await pilot.press("ctrl+u", *"many", "enter")
        assert "whole number" in shown(app)
        await pilot.press("ctrl+u", *str(before + 7), "enter")
        await eventually(pilot, lambda: isinstance(app.screen, MonitorScreen))
    assert (epochs(run), launched) == (before + 7, [run])


async def test_the_monitor_offers_it_for_a_finished_training_run(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, eventually: Eventually, training_events: Events,
    launched: list[RunDirectory],
) -> None:  # fmt: skip
    run = make_run("short", events=training_events(20, 20, DONE))
    before = epochs(run)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await eventually(pilot, lambda: "completed" in shown(app))
        await pilot.press("r")
        await eventually(pilot, lambda: isinstance(app.screen, AskScreen))
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(launched))
    assert (epochs(run), launched) == (2 * before, [run])


async def test_a_run_that_patience_ended_gets_more_patience(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, eventually: Eventually, training_events: Events,
    launched: list[RunDirectory],
) -> None:  # fmt: skip
    run = make_run("early", events=training_events(20, 200, DONE))
    settings = run.settings()
    assert isinstance(settings, TrainSettings)
    ended = {"validation": {"patience": 3}, "training": {"target_loss": 0.5}}
    run.change_settings(TrainSettings.model_validate({**settings.model_dump(), **ended}), force=True)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("r")
        await eventually(pilot, lambda: isinstance(app.screen, AskScreen))
        assert "validation.patience" in shown(app)
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(launched))
    longer = run.settings()
    assert isinstance(longer, TrainSettings)
    assert (longer.validation.patience, longer.training.target_loss) == (6, None)


@pytest.mark.parametrize(("job", "last"), [("train", None), ("export", DONE)])
async def test_other_runs_are_not_asked(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, job: str, last: ev.Event | None
) -> None:
    make_run("other", job, events=training_events(20, 20, *[last] * (last is not None)))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        assert isinstance(app.screen, HomeScreen)
        assert "longer" not in {active.binding.action for active in app.screen.active_bindings.values()}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_how_it_is_asked(
    size: tuple[int, int], make_app: MakeApp, make_run: MakeRun, training_events: Events, looks: Looks,
    eventually: Eventually,
) -> None:  # fmt: skip
    make_run("short", events=training_events(20, 20, DONE))

    async def ask(pilot: Pilot[None]) -> None:
        await pilot.press("r")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, AskScreen))

    assert looks(make_app(), size, ask)
