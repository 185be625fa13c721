"""The monitor where there is little to show (no event yet, a damaged log, a disk that is gone), or very much."""

import shutil
from dataclasses import replace

from textual.pilot import Pilot

from sidestep_tui.runs import events as ev
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.chart.widget import Chart
from sidestep_tui.tui.monitor.screen import MonitorScreen

from .conftest import MACHINE, NOW, Events, MakeApp, MakeRun, Settle, notes, shown


async def test_a_log_that_cannot_be_read_is_told_and_read_again_when_it_can(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("live", events=training_events(10))
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        monitor = app.screen
        assert isinstance(monitor, MonitorScreen)
        kept = run.events_file.rename(run.path / "kept")
        run.events_file.mkdir()
        monitor.read()
        await settle(pilot)
        assert "The run cannot be read  Is a directory" in shown(app)
        assert "10 of 1 200 steps" in shown(app)
        run.events_file.rmdir()
        kept.rename(run.events_file)
        monitor.read()
        await settle(pilot)
        assert "cannot be read" not in shown(app)
        assert "10 of 1 200 steps" in shown(app)
        assert monitor.query(Chart).first().extent == (1, 10)


async def test_lines_that_are_no_events_are_passed_over(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("damaged", events=training_events(30))
    lines = run.events_file.read_bytes().splitlines(keepends=True)
    torn = [b"\x00\xff\n", b"{\n", b'{"type":"StepCompleted","step":"x"}\n', b'{"type":"FromTheFuture"}\n', b"\n"]
    run.events_file.write_bytes(b"".join([*lines[:20], *torn, *lines[20:], lines[-1][:9]]))
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "30 of 1 200 steps" in shown(app)


async def test_before_the_first_event_every_panel_says_what_will_be_there(
    make_app: MakeApp, make_run: MakeRun, settle: Settle
) -> None:
    run = make_run("fresh")
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "Nothing has run yet: r starts it" in shown(app)
        for panel, text in (
            ("1", "The curve begins with"),
            ("6", "Nothing worth a line"),
            ("7", "has printed nothing"),
            ("8", "Nothing is written yet"),
            ("9", "has not measured it yet"),
        ):
            await pilot.press(panel)
            await settle(pilot)
            assert text in shown(app)
        with run.held():
            monitor = app.screen
            assert isinstance(monitor, MonitorScreen)
            monitor.read()
            await settle(pilot)
            assert "The engine starts" in shown(app)


async def test_many_cards_have_their_numbers_and_scroll(
    make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    card = MACHINE.cards[0]
    cards = tuple(replace(card, index=index, utilisation=None if index == 1 else 0.5) for index in range(8))
    machine = replace(MACHINE, cards=cards)
    run = make_run("live", events=training_events(10))
    app = SidestepApp("monitor", clock=lambda: NOW, machine=lambda: machine, arguments={"run": run})
    async with app.run_test(size=(80, 20)) as pilot:
        await settle(pilot)
        await pilot.press("9")
        await settle(pilot)
        assert "0 RTX 4090" in shown(app)
        assert "7 RTX 4090" in shown(app)
        assert "64 °C" not in shown(app).splitlines()[-2]
        await pilot.press("G")
        await settle(pilot)
        assert any("temperature" in line and "64 °C" in line for line in shown(app).splitlines())


async def test_an_estimate_that_failed_says_that_nothing_was_measured(
    make_app: MakeApp, make_run: MakeRun, settle: Settle
) -> None:
    start = ev.RunStarted(job="estimate", pid=1, host="box", device="cpu", version="0")
    run = make_run("ranking", "estimate", [start, ev.RunFailed(what="No songs.")])
    app = make_app("monitor", run=run)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "The estimate ended before" in shown(app)


async def test_the_settings_of_another_version_cannot_be_changed_and_that_is_told(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("newer", events=training_events(10))
    run.config_file.write_text(run.config_file.read_text().replace('"optimizer"', '"optimizer of tomorrow"'))
    app = make_app("monitor", run=run)
    with run.held():
        async with app.run_test() as pilot:
            await settle(pilot)
            await pilot.press("e")
            await settle(pilot)
            assert app.screen is app.screen_stack[0]
            assert any("not valid here" in note for note in notes(app))


async def test_a_run_that_is_deleted_is_not_called_interrupted_and_its_successor_is_followed(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("waltz", events=training_events(100))
    app = make_app("monitor", run=run)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        monitor = app.screen
        assert isinstance(monitor, MonitorScreen)
        shutil.rmtree(run.path)
        await look(pilot, monitor, settle)
        assert "The run cannot be read  the folder is gone" in shown(app)
        assert "Resume" not in shown(app)
        make_run("waltz", events=training_events(30, 400), start=NOW - 60)
        await look(pilot, monitor, settle)
        assert "30 of 400 steps" in shown(app)
        assert "cannot be read" not in shown(app)
        assert monitor.query(Chart).first().extent == (1, 30)
        shutil.rmtree(run.path)
        make_run("waltz", "estimate", [ev.RunStarted(job="estimate", pid=1, host="b", device="cpu", version="0")])
        await look(pilot, monitor, settle)
        assert "another run has its name now" in shown(app)


async def look(pilot: Pilot[None], monitor: MonitorScreen, settle: Settle) -> None:
    """Lets the monitor read what is there now."""
    await settle(pilot)
    monitor.read()
    await settle(pilot)
