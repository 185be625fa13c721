"""A training run that has ended trains longer, from home and from its monitor: asked how far, then started."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import launch as launching
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.wizard.dialogs import AskScreen

from .conftest import NOW, SIZES, Events, Eventually, Looks, MakeApp, MakeRun, Settle, notes, shown

Finished = Callable[..., RunDirectory]
AtHome = Callable[[], AbstractAsyncContextManager[Pilot[None]]]

DONE = ev.RunCompleted()


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[RunDirectory]:
    started: list[RunDirectory] = []
    monkeypatch.setattr(launching, "launch", started.append)
    return started


@pytest.fixture
def finished(make_run: MakeRun, training_events: Events) -> Finished:
    """`finished(200, {…})`: a run that has ended after 20 steps of so many, with other settings than the usual."""

    def make(planned: int, settings: dict[str, Any] | None = None) -> RunDirectory:
        run = make_run("ended", events=training_events(20, planned, DONE))
        if settings is not None:
            whole = TrainSettings.model_validate({**settings_of(run).model_dump(), **settings})
            run = make_run("ended-early", events=training_events(20, planned, DONE), settings=whole, start=NOW - 60)
        return run

    return make


@pytest.fixture
def at_home(make_app: MakeApp, settle: Settle) -> AtHome:
    """Opens home, which has read everything; the cursor stands on the newest run."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Pilot[None]]:
        async with make_app().run_test() as pilot:
            await settle(pilot)
            yield pilot

    return opened


async def press_and_be_asked(pilot: Pilot[None], eventually: Eventually) -> None:
    await pilot.press("r")
    await eventually(pilot, lambda: isinstance(pilot.app.screen, AskScreen))


def settings_of(run: RunDirectory) -> TrainSettings:
    settings = run.settings()
    assert isinstance(settings, TrainSettings)
    return settings


async def test_home_asks_how_far_and_starts_the_engine(
    finished: Finished, at_home: AtHome, eventually: Eventually, launched: list[RunDirectory]
) -> None:
    run = finished(20)
    before = settings_of(run).training.epochs
    async with at_home() as pilot:
        await press_and_be_asked(pilot, eventually)
        assert "Train ended longer: training.epochs" in shown(pilot.app)
        assert "schedule is stretched" in shown(pilot.app)
        await pilot.press("escape")
        assert (settings_of(run).training.epochs, launched) == (before, [])
        await press_and_be_asked(pilot, eventually)
        await pilot.press("ctrl+u", *str(before), "enter")
        assert f"more than {before}: so far it has come" in shown(pilot.app)
        await pilot.press("ctrl+u", *"many", "enter")
        assert "whole number" in shown(pilot.app)
        await pilot.press("ctrl+u", *str(before + 7), "enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
    assert (settings_of(run).training.epochs, launched) == (before + 7, [run])


async def test_the_monitor_offers_it_for_a_finished_training_run(
    finished: Finished, at_home: AtHome, eventually: Eventually, launched: list[RunDirectory]
) -> None:
    run = finished(20)
    before = settings_of(run).training.epochs
    async with at_home() as pilot:
        await pilot.press("enter")
        await eventually(pilot, lambda: "completed" in shown(pilot.app))
        await press_and_be_asked(pilot, eventually)
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(launched))
    assert (settings_of(run).training.epochs, launched) == (2 * before, [run])


async def test_a_run_that_patience_ended_gets_more_patience(
    finished: Finished, at_home: AtHome, eventually: Eventually, launched: list[RunDirectory]
) -> None:
    run = finished(200, {"validation": {"patience": 3}, "training": {"target_loss": 0.5}})
    async with at_home() as pilot:
        await press_and_be_asked(pilot, eventually)
        assert "validation.patience" in shown(pilot.app)
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(launched))
    longer = settings_of(run)
    assert (longer.validation.patience, longer.training.target_loss) == (6, None)


async def test_a_run_that_reached_its_target_gets_a_lower_one_or_none(
    finished: Finished, at_home: AtHome, eventually: Eventually, launched: list[RunDirectory]
) -> None:
    run = finished(200, {"training": {"target_loss": 0.5}})
    async with at_home() as pilot:
        await press_and_be_asked(pilot, eventually)
        assert "schedule is stretched" not in shown(pilot.app)
        await pilot.press("ctrl+u", *"0.9", "enter")
        assert "less than 0.5: so far it has come" in shown(pilot.app)
        await pilot.press("ctrl+u", *"0.25", "enter")
        await eventually(pilot, lambda: bool(launched))
    assert settings_of(run).training.target_loss == 0.25


async def test_what_another_terminal_has_started_meanwhile_keeps_its_settings(
    finished: Finished, at_home: AtHome, eventually: Eventually, launched: list[RunDirectory]
) -> None:
    run = finished(20)
    async with at_home() as pilot:
        await press_and_be_asked(pilot, eventually)
        with run.held():
            await pilot.press("enter")
            await eventually(pilot, lambda: any("already working" in note for note in notes(pilot.app)))
    assert (launched, run.changes_file.exists()) == ([], False)


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
    assert looks(make_app(), size, lambda pilot: press_and_be_asked(pilot, eventually))
