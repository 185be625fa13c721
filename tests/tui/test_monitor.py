"""The monitor by behaviour: it replays, follows, and reads values out."""

import shutil
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from textual.screen import Screen

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.chart.widget import Chart
from sidestep_tui.tui.monitor.log_view import LogView
from sidestep_tui.tui.monitor.panels import Panels
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.monitor.status import StatusLines
from sidestep_tui.tui.sensitivity.heat_map import HeatMap
from sidestep_tui.tui.widgets.table import KeyTable

from .conftest import Events, MakeApp, MakeRun, Settle, shown


async def test_a_dead_run_is_shown_whole(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("done", events=training_events(200, 200, ev.RunCompleted(results={"final_loss": 0.3412})))
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        text = shown(app)
    for expected in (
        "✓ completed",
        "200 of 200 steps",
        "Done  final loss 0.3412",
        "validation 0.6959",
        "card 9.0/24 GiB",
    ):
        assert expected in text


async def test_what_the_engine_writes_appears(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("live", events=training_events(30))
    run.engine_log.write_text("loading\n")
    app = make_app("monitor", run=run)
    with run.held():
        async with app.run_test() as pilot:
            await settle(pilot)
            assert "30 of 1 200 steps" in shown(app)
            with EventWriter(run.events_file) as writer:
                writer.write(
                    ev.StepCompleted(
                        step=31,
                        epoch=1,
                        loss=None,
                        gradient_norm=1.0,
                        learning_rate=1e-4,
                        seconds=0.4,
                        data_seconds=0.0,
                    )
                )
            with run.engine_log.open("a") as log:
                log.write("0%\r100%\n[red]\x1b[31mhello\n")
            monitor = app.screen
            assert isinstance(monitor, MonitorScreen)
            monitor.read()
            await settle(pilot)
            assert "31 of 1 200 steps" in shown(app)
            assert "loss NaN" in shown(app)
            assert app.screen.query_one(LogView).lines[:3] == ["loading", "100%", "[red]hello"]


async def test_all_that_was_written_between_two_looks_is_drawn_at_once(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []
    display = SidestepApp._display  # where Textual writes to the terminal; a pilot's shows nothing of how often

    def noted(app: SidestepApp, screen: Screen[object], renderable: Any) -> None:
        drawn.extend([renderable] if renderable is not None else [])
        display(app, screen, renderable)

    run = make_run("live", events=training_events(30))
    app = make_app("monitor", run=run)
    with run.held(), EventWriter(run.events_file) as writer:
        async with app.run_test() as pilot:
            await settle(pilot)
            monitor = app.screen
            assert isinstance(monitor, MonitorScreen)
            monkeypatch.setattr(SidestepApp, "_display", noted)
            for look in (1, 2, 3):
                with monitor._reading:  # held, so that the timer's look does not come between the events
                    for event in training_events(30 + 50 * look)[30 + 50 * (look - 1) :]:
                        writer.write(event)
                monitor.read()
                await settle(pilot)
                assert len(drawn) == look


async def test_a_resumed_run_forgets_the_steps_it_does_again(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("again", events=training_events(150))
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        monitor = app.screen
        assert isinstance(monitor, MonitorScreen)
        assert monitor.query(Chart).first().extent == (1, 150)
        with EventWriter(run.events_file) as writer:
            writer.write(ev.RunStarted(job="train", pid=2, host="b", device="cpu", version="0", resumed_from_step=100))
        monitor.read()
        await settle(pilot)
        assert monitor.query(Chart).first().extent == (1, 100)
        assert "100 of 1 200 steps" in shown(app)


async def test_panels_by_tab_and_digit(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("done", events=training_events(120, 120, ev.RunCompleted()))
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        panels = app.screen.query_one(Panels)
        visited = []
        for key in ("tab", "shift+tab", "shift+tab", "6", "9"):
            await pilot.press(key)
            visited.append(panels.current)
    assert visited == ["bands", "loss", "cards", "events", "cards"]


async def test_cursor_zoom_and_log_scale(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("done", events=training_events(1000, 1000, ev.RunCompleted()))
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("left")
        assert "980 ━ loss" in shown(app)
        await pilot.press("plus", "plus")
        assert "800" in shown(app)
        assert "200" not in shown(app).splitlines()[-2]
        await pilot.press("0", "y")
        assert "log └" in shown(app)
        assert "980 ━" not in shown(app)


async def test_an_engine_that_could_not_write_its_last_word_is_explained(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=0))
    app = make_app("monitor", run=make_run("lost", events=training_events(10)))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "No space is left on the device" in shown(app)


async def test_a_run_that_a_full_disk_keeps_silent_is_explained(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("silent", events=training_events(10))
    with run.held():
        app = make_app("monitor", run=run)
        async with app.run_test() as pilot:
            await settle(pilot)
            assert "The disk is full" not in shown(app)
            monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=0))
            app.screen.query_one(StatusLines).tick(0.0)
            await pilot.pause()
            assert "The disk is full: the run goes on unseen until there is room." in shown(app)


async def test_what_waits_for_room_on_the_disk_is_said_above_earlier_warnings(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    waiting = (ev.WarningRaised(what="No space is left on the device."), ev.PhaseChanged(phase=ev.WAITING_FOR_ROOM))
    run = make_run("full", events=[*training_events(10), *waiting])
    with run.held():
        app = make_app("monitor", run=run)
        async with app.run_test() as pilot:
            await settle(pilot)
            assert "No room on the disk: free some, and the run saves and goes on." in shown(app)


async def test_a_dead_run_offers_no_requests(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("lost", events=training_events(10))
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        offered = {active.binding.action for active in app.screen.active_bindings.values()}
        assert "The engine is gone without a last word" in shown(app)
    assert "resume" in offered
    assert not {"stop", "pause", "send('save')"} & offered


async def test_captions_and_paths_are_literal_in_the_events(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    odd = ev.WarningRaised(what='"[red]夜[/red]" has no \x1b[31mlyrics', where="songs/[b].mp3", fix="add a .txt")
    run = make_run("odd", events=[*training_events(5), odd])
    app = make_app("monitor", run=run)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("6")
        await pilot.pause()
        assert '"[red]夜[/red]" has no lyrics  songs/[b].mp3  Fix: add a .txt' in shown(app)


async def test_the_heat_map_fills_and_marks_the_ranking(
    make_app: MakeApp,
    make_run: MakeRun,
    settle: Settle,
    sensitivity_event: Callable[[int], ev.SensitivityUpdated],
) -> None:
    start = ev.RunStarted(job="estimate", pid=1, host="box", device="cpu", version="0")
    run = make_run("ranking", "estimate", [start, sensitivity_event(9)])
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        heat = app.screen.query_one(HeatMap)
        assert "9 of 24 batches" in shown(app)
        assert heat.grid.layers == 24
        assert heat.selected == ("self q", 14)
        await pilot.press("j")
        await pilot.pause()
        ranked = app.screen.query_one("#ranking", KeyTable).current_key
        assert ranked == "layers.13.self_attn.q_proj"
        assert heat.selected == ("self q", 13)


@pytest.mark.parametrize("job", ["preprocess", "generate", "export"])
async def test_jobs_without_a_loss_show_their_progress(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, job: str
) -> None:
    events = [
        ev.RunStarted(job=job, pid=1, host="box", device="cpu", version="0"),
        ev.PhaseChanged(phase="encoding", detail="VAE"),
        ev.Progress(done=3, total=12, unit="songs", item="songs/[x].flac", failed=1),
    ]
    app = make_app("monitor", run=make_run("work", job, events))
    async with app.run_test() as pilot:
        await settle(pilot)
        text = shown(app)
    for expected in ("3 of 12 songs", "25 %", "songs/[x].flac", "1 could not be done"):
        assert expected in text


async def test_the_cards_panel_asks_the_machine_and_the_run(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("live", events=training_events(10))
    app = make_app("monitor", run=run)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("9")
        await settle(pilot)
        text = shown(app)
    for expected in ("RTX 4090", "312 W", "64 °C", "cuda:0 on box", "3.0 GiB"):
        assert expected in text
