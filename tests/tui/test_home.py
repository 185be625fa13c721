"""Home by behaviour: what is listed, what is advised, and which keys do what."""

from pathlib import Path

import pytest
from textual.widgets import Static

from sidestep_tui.runs import events as ev
from sidestep_tui.runs import launch as launching
from sidestep_tui.runs.control import take_commands
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.home.run_table import RunTable
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.monitor.screen import MonitorScreen

from .conftest import NOW, Events, Eventually, MakeApp, MakeRun, Settle, shown


def rows(app: SidestepApp) -> list[list[str]]:
    table = app.screen.query_one(RunTable)
    return [[text.plain for text in table.get_row_at(index)] for index in range(table.row_count)]


def advice(app: SidestepApp) -> str:
    return str(app.screen.query_one("#next", Static).render())


async def test_without_runs_it_shows_the_way(make_app: MakeApp, settle: Settle) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "No runs yet" in str(app.screen.query_one("#notice", Static).render())
        assert "Press n" in advice(app)
        assert not app.screen.query_one(RunTable).display


async def test_runs_are_listed_newest_first_with_their_condition(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    make_run("old", events=training_events(200, 200, ev.RunCompleted()), start=NOW - 90_000)
    make_run("lost", events=training_events(100), start=NOW - 7_000)
    live = make_run("live", events=training_events(300), start=NOW - 200)
    app = make_app()
    with live.held():
        async with app.run_test(size=(120, 36)) as pilot:
            await settle(pilot)
            found = rows(app)
    assert [row[1] for row in found] == ["live", "lost", "old"]
    assert [row[0] for row in found] == ["● running", "! interrupted", "✓ completed"]
    assert "25 %" in found[0][3]


async def test_a_name_with_markup_and_escape_codes_is_shown_literally(
    make_app: MakeApp, make_run: MakeRun, settle: Settle
) -> None:
    make_run("[red]夜\x1b[31m")
    app = make_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert rows(app)[0][1] == "[red]夜"


async def test_a_folder_that_is_no_run_is_left_out(make_app: MakeApp, sidestep_home: Path, settle: Settle) -> None:
    (sidestep_home / "runs" / "junk").mkdir(parents=True)
    (sidestep_home / "runs" / "torn").mkdir()
    (sidestep_home / "runs" / "torn" / "config.json").write_text("{")
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        assert rows(app) == []


async def test_a_run_that_cannot_be_read_is_told_and_the_others_are_listed(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    make_run("good", events=training_events(10))
    newer, odd = make_run("newer"), make_run("odd")
    newer.config_file.write_text('{"job": "teleport", "created_at": 0, "settings": {}}')
    odd.events_file.unlink()
    odd.events_file.mkdir()
    app = make_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        line = app.screen.query_one("#unreadable", Static)
        assert [row[1] for row in rows(app)] == ["good"]
        assert "cannot be read: " in str(line.render())
        assert "(1 more)" in str(line.render())
        newer.config_file.unlink()
        odd.events_file.rmdir()
        home = app.screen
        assert isinstance(home, HomeScreen)
        home.read_runs()
        await settle(pilot)
        assert [row[1] for row in rows(app)] == ["good", "odd"]
        assert not line.display


async def test_enter_opens_the_monitor_and_escape_comes_back(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    make_run("one", events=training_events(10))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("enter")
        assert isinstance(app.screen, MonitorScreen)
        await pilot.press("escape")
        assert isinstance(app.screen, HomeScreen)


async def test_vim_keys_move(make_app: MakeApp, make_run: MakeRun, settle: Settle) -> None:
    for index in range(5):
        make_run(f"run-{index}", start=NOW - index)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        table = app.screen.query_one(RunTable)
        seen = []
        for key in ("j", "down", "k", "G", "up", "g"):
            await pilot.press(key)
            seen.append(table.cursor_row)
    assert seen == [1, 2, 1, 4, 3, 0]


async def test_stop_asks_first_then_asks_the_engine_and_says_so_before_it_is_done(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, eventually: Eventually, training_events: Events
) -> None:
    run = make_run("live", events=training_events(10))
    app = make_app()
    with run.held():
        async with app.run_test() as pilot:
            await settle(pilot)
            await pilot.press("s")
            assert isinstance(app.screen, ConfirmScreen)
            await pilot.press("n")
            assert take_commands(run) == []
            await pilot.press("s", "enter", "y")
            await eventually(pilot, lambda: "● stopping" in shown(app))
    assert [command.name for command in take_commands(run)] == ["stop"]


async def test_delete_asks_first_and_says_how_much_goes(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, eventually: Eventually, training_events: Events
) -> None:
    run = make_run("old", events=training_events(10, 10, ev.RunCompleted()))
    (run.path / "weights").write_bytes(bytes(5 * 2**20))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("d")
        await eventually(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "5.0 MiB" in "".join(str(static.render()) for static in app.screen.query(Static))
        await pilot.press("escape")
        assert run.exists()
        await pilot.press("d")
        await eventually(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await settle(pilot)
        assert rows(app) == []
    assert not run.path.exists()


async def test_a_running_run_offers_neither_delete_nor_resume(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("live", events=training_events(10))
    app = make_app()
    with run.held():
        async with app.run_test() as pilot:
            await settle(pilot)
            offered = {active.binding.action for active in app.screen.active_bindings.values()}
            await pilot.press("d", "r")
            assert isinstance(app.screen, HomeScreen)
    assert "stop" in offered
    assert not {"delete", "resume"} & offered


async def test_resume_launches_the_engine_and_opens_the_monitor(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("lost", events=training_events(10))
    launched: list[RunDirectory] = []
    monkeypatch.setattr(launching, "launch", launched.append)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "Press r on its row to continue it" in advice(app)
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(app.screen, MonitorScreen)
    assert launched == [run]
