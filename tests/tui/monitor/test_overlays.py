"""Other runs drawn over the one that is watched."""

import shutil
import threading

import pytest

from sidestep_tui.runs.curves import Curves
from sidestep_tui.tui.monitor.columns import StepColumns
from sidestep_tui.tui.monitor.screen import MonitorScreen

from ..conftest import Events, MakeApp, MakeRun, Settle, notes, shown


async def test_other_runs_are_drawn_over_this_one_and_taken_away(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("this", events=training_events(50))
    make_run("other [one]", events=training_events(200))
    make_run("encoding", "preprocess")
    app = make_app("monitor", run=run)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("o")
        assert "encoding" not in shown(app)
        await pilot.press("enter")
        await settle(pilot)
        assert " a other [one] " in shown(app)
        assert "200" in shown(app).splitlines()[-2]
        await pilot.press("o", "enter")
        await settle(pilot)
        assert "other [one]" not in shown(app)


async def test_curves_grow_only_where_they_are_drawn(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Grown in the reading thread they changed beneath a key that drew them, and the monitor fell over."""
    run, other = make_run("now", events=training_events(200)), make_run("other", events=training_events(100))
    threads = set()
    extend = StepColumns.extend

    def noted(columns: StepColumns, curves: Curves) -> None:
        threads.add(threading.get_ident())
        extend(columns, curves)

    monkeypatch.setattr(StepColumns, "extend", noted)
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        monitor = app.screen
        assert isinstance(monitor, MonitorScreen)
        monitor.overlays.toggle(other)
        monitor.overlays_changed()
        await settle(pilot)
        await pilot.press("2")
        assert threads == {threading.get_ident()}


async def test_another_run_that_goes_takes_nothing_from_this_one(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run, other = make_run("this", events=training_events(50)), make_run("other", events=training_events(200))
    app = make_app("monitor", run=run)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("o", "enter")
        await settle(pilot)
        other.events_file.unlink()
        other.events_file.mkdir()  # what reads it fails
        monitor = app.screen
        assert isinstance(monitor, MonitorScreen)
        monitor.overlays_changed()
        await settle(pilot)
        assert " a other " in shown(app)
        assert "cannot be read" not in shown(app)
        await pilot.press("o", "enter", "o")
        shutil.rmtree(other.path)
        await pilot.press("enter")
        await settle(pilot)
        assert any("the folder is gone" in note for note in notes(app))
        assert app.screen is monitor
