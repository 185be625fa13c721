"""How screens look while they have nothing to show, or something went wrong: home, queue, monitor, songs, compare."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import standing
from sidestep_tui.runs.history import summarise
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.home.compare_screen import CompareScreen
from sidestep_tui.tui.monitor.screen import MonitorScreen

from .conftest import NOW, SIZES, MakeRun, Prepare

MakeApp = Callable[..., SidestepApp]
Looks = Callable[..., bool]
Events = Callable[..., list[ev.Event]]
Size = tuple[int, int]

pytestmark = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
MEASURING = [
    ev.RunStarted(job="estimate", pid=1, host="box", device="cuda:0", version="0"),
    ev.PhaseChanged(phase="measuring"),
]


def pressing(*keys: str) -> Prepare:
    async def run(pilot: Pilot[None]) -> None:
        for key in keys:
            await pilot.press(key)
            await pilot.pause()

    return run


def test_home_before_the_runs_are_read(
    size: Size, make_app: MakeApp, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidestep_tui.tui.home.screen.HomeScreen.read_runs", lambda _screen: None)
    assert looks(make_app(), size)


def test_home_without_leave_to_look(
    size: Size, make_app: MakeApp, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_catalog: object) -> None:
        raise PermissionError(13, "Permission denied", "/data/runs")

    monkeypatch.setattr("sidestep_tui.tui.follow.RunCatalog.poll", refuse)
    assert looks(make_app(), size)


def test_home_with_a_run_that_cannot_be_read(
    size: Size, make_app: MakeApp, make_run: MakeRun, training_events: Events, looks: Looks
) -> None:
    make_run("good", events=training_events(40), start=NOW - 500)
    odd = make_run("夜 [odd]", events=training_events(40), start=NOW - 400)
    odd.events_file.unlink()
    odd.events_file.mkdir()
    assert looks(make_app(), size)


def test_home_where_no_run_has_the_words(
    size: Size, make_app: MakeApp, make_run: MakeRun, training_events: Events, looks: Looks
) -> None:
    make_run("waltz", events=training_events(40), start=NOW - 500)
    assert looks(make_app(), size, pressing("slash", *"polka", "enter"))


def test_a_damaged_queue(size: Size, make_app: MakeApp, looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        file = "/home/me/.local/share/sidestep/queues/standing.json"
        raise SidestepError(
            "The queue cannot be read: Expecting value: line 1 column 1 (char 0).",
            where=file,
            fix="delete this file and queue the runs again",
        )

    monkeypatch.setattr(standing, "read", refuse)
    assert looks(make_app("queue"), size)


def test_a_queue_after_a_reboot(
    size: Size,
    make_app: MakeApp,
    make_run: MakeRun,
    training_events: Events,
    looks: Looks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(standing, "resume_queue", lambda _file: None)
    monkeypatch.setattr("sidestep_tui.tui.queue.screen._REFRESH_SECONDS", 3600.0)  # a second look finds it idle
    standing.add(make_run("first", events=training_events(430, 1200), start=NOW - 5000))
    standing.add(make_run("second", start=NOW - 4000))
    assert looks(make_app("queue"), size)


@pytest.mark.parametrize("panel", ["6", "7", "8", "9"], ids=["events", "log", "files", "cards"])
def test_panels_before_the_first_event(
    size: Size, panel: str, make_app: MakeApp, make_run: MakeRun, looks: Looks
) -> None:
    app = make_app("monitor", run=make_run("fresh", start=NOW - 5))
    assert looks(app, size, pressing(panel))


def test_the_monitor_of_a_run_whose_log_is_lost(
    size: Size, make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Any, looks: Looks
) -> None:
    run = make_run("waltz-night", events=training_events(130), start=NOW - 500)

    async def lose(pilot: Pilot[None]) -> None:
        run.events_file.unlink()
        run.events_file.mkdir()
        monitor = pilot.app.screen
        assert isinstance(monitor, MonitorScreen)
        monitor.read()
        await settle(pilot)

    assert looks(make_app("monitor", run=run), size, lose)


@pytest.mark.parametrize("end", [None, ev.RunFailed(what="No songs.", fix="encode some")], ids=["begun", "failed"])
def test_sensitivity_before_anything_is_measured(
    size: Size, end: ev.Event | None, make_app: MakeApp, make_run: MakeRun, looks: Looks
) -> None:
    run = make_run("ranking", "estimate", [*MEASURING, *([end] if end else [])], start=NOW - 60)
    if end is not None:
        assert looks(make_app("monitor", run=run), size)
        return
    with run.held():
        assert looks(make_app("monitor", run=run), size)


def test_listening_without_songs(size: Size, make_app: MakeApp, make_run: MakeRun, looks: Looks) -> None:
    assert looks(make_app("listen", run=make_run("silent", start=NOW - 60)), size)


def test_listening_to_a_song_that_is_gone(size: Size, make_app: MakeApp, make_run: MakeRun, looks: Looks) -> None:
    song = ev.SampleWritten(path="samples/step-100.flac", prompt="a waltz", seed=42, step=100, adapter_scale=1.0)
    assert looks(make_app("listen", run=make_run("album", events=[song], start=NOW - 60)), size)


def test_comparing_a_run_that_has_no_like(
    size: Size, make_app: MakeApp, make_run: MakeRun, training_events: Events, looks: Looks
) -> None:
    make_run("songs", "preprocess", [ev.RunCompleted()], start=NOW - 600)
    make_run("waltz", events=training_events(40), start=NOW - 500)
    assert looks(make_app(), size, pressing("c"))


def test_comparing_runs_with_nothing_to_compare(
    size: Size, make_app: MakeApp, make_run: MakeRun, looks: Looks, settle: Any
) -> None:
    first, second = (summarise(make_run(name, start=NOW - 60)) for name in ("one", "other"))

    async def compare(pilot: Pilot[None]) -> None:
        await pilot.app.push_screen(CompareScreen(first, second))
        await settle(pilot)

    assert looks(make_app(), size, compare)
