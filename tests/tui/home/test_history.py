"""The history on home: finding, sorting, notes, comparing, and running again with changes."""

import json
import threading
from collections.abc import Awaitable, Callable

import pytest
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Static

from sidestep_tui.runs import events as ev
from sidestep_tui.runs import standing
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import summarise
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.notes import read_note, write_note
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.home.arrange import arranged
from sidestep_tui.tui.home.compare_screen import CompareScreen
from sidestep_tui.tui.home.disk_use import DiskUse
from sidestep_tui.tui.home.run_table import RunTable
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.widgets.table import KeyTable
from sidestep_tui.tui.wizard.screen import WizardScreen

from ..conftest import notes, shown

MakeApp = Callable[..., SidestepApp]
MakeRun = Callable[..., RunDirectory]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]
NOW = 1_760_000_000.0


def names(app: SidestepApp) -> list[str]:
    table = app.screen.query_one(RunTable)
    return [table.get_row_at(index)[1].plain for index in range(table.row_count)]


def test_runs_are_found_by_any_words_and_sorted(make_run: MakeRun, training_events: Events) -> None:
    slow, fast = make_run("Slow waltz", events=training_events(5)), make_run("fast", events=training_events(300))
    songs = make_run("songs", "preprocess")
    runs = [summarise(run) for run in (songs, slow, fast)]
    notes = {str(fast.path): "the one with Strings"}
    held = {str(songs.path): 7, str(slow.path): 9}

    def found(words: str, order: str = "newest") -> list[str]:
        return [run.run.name for run in arranged(runs, notes, words, order, held)]

    assert found("") == ["songs", "Slow waltz", "fast"]
    assert found("WALTZ train") == ["Slow waltz"]
    assert found("strings") == ["fast"]
    assert found("interrupted", "name") == ["fast", "Slow waltz"]
    assert found("", "loss") == ["fast", "Slow waltz", "songs"]
    assert found("", "validation") == ["fast", "songs", "Slow waltz"]
    assert found("", "disk") == ["Slow waltz", "songs", "fast"]


@pytest.mark.parametrize(("width", "in_table"), [(80, False), (120, True)])
async def test_what_a_run_holds_on_disk_is_told(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, width: int, in_table: bool
) -> None:
    run = make_run("a", events=training_events(5))
    (run.path / "adapter.safetensors").write_bytes(bytes(3 * 2**20))
    write_note(run, "[keep]")
    app = make_app()
    async with app.run_test(size=(width, 24)) as pilot:
        await settle(pilot)
        below = app.screen.query_one("#run-panel").border_subtitle
        assert below == Content("[keep]" if in_table else "[keep] · 3.0 MiB on disk").markup
        cells = [text.plain for text in app.screen.query_one(RunTable).get_row_at(0)]
        assert ("3.0 MiB" in cells) == in_table


def test_disk_use_is_measured_again_only_where_something_was_written(
    make_run: MakeRun, training_events: Events
) -> None:
    run, use = make_run("a", events=training_events(5)), DiskUse()
    assert use.measure([summarise(run)], lambda: True) == {}
    first = use.measure([summarise(run)])
    (run.path / "stray").write_bytes(bytes(5))
    assert use.measure([summarise(run)]) == first
    with EventWriter(run.events_file) as log:
        log.write(ev.CheckpointSaved(step=5, path="checkpoints/step-00000005"))
    assert use.measure([summarise(run)])[str(run.path)] > first[str(run.path)]
    assert use.measure([]) == {}


async def test_home_does_not_wait_for_the_disk(
    make_app: MakeApp, make_run: MakeRun, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run("a")
    asked, answer = threading.Semaphore(0), threading.Event()

    def slow(_run: RunDirectory) -> int:
        asked.release()
        assert answer.wait(10)
        return 7 * 2**20

    monkeypatch.setattr("sidestep_tui.tui.home.disk_use.disk_used", slow)
    app = make_app()
    async with app.run_test() as pilot:
        home = app.screen
        assert isinstance(home, HomeScreen)
        await eventually(pilot, lambda: names(app) == ["a"] and asked.acquire(blocking=False))
        make_run("b", start=NOW - 5)
        home.read_runs()  # the first look at the disk is still under way
        await eventually(pilot, lambda: names(app) == ["b", "a"])
        assert not asked.acquire(blocking=False)
        answer.set()
        await eventually(pilot, lambda: list(home.held.values()) == [7 * 2**20])


async def test_finding_sorting_and_a_note_that_stays(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("a", events=training_events(5), start=NOW - 10)
    make_run("b", events=training_events(5), start=NOW - 5)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("o")
        assert names(app) == ["a", "b"]
        await pilot.press("g", "N", *"best [so far]", "enter")
        await settle(pilot)
        assert app.screen.query_one("#run-panel").border_subtitle == Content("best [so far]").markup
        await pilot.press("slash", *"far", "enter")
        await settle(pilot)
        assert names(app) == ["a"]
        await pilot.press("slash", *"zz", "enter")
        await settle(pilot)
        assert "No run has these words" in str(app.screen.query_one("#notice", Static).render())
        await pilot.press("slash", *["backspace"] * 5, "enter")
        await settle(pilot)
        assert names(app) == ["a", "b"]
        await pilot.press("slash", *"far", "enter")
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert names(app) == ["a", "b"]
        assert app.is_running
    assert read_note(run) == "best [so far]"


async def test_two_runs_are_compared(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    make_run("a", events=training_events(5), start=NOW - 10)
    make_run("b", events=training_events(120), start=NOW - 5)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("c", "enter")
        await settle(pilot)
        assert isinstance(app.screen, CompareScreen)
        table = app.screen.query_one(KeyTable)
        rows = [[cell.plain for cell in table.get_row_at(index)] for index in range(table.row_count)]
    assert ["done", "120 of 1 200 steps", "5 of 1 200 steps"] in rows


async def test_a_run_of_another_version_is_compared_by_what_can_be_read(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    make_run("a", events=training_events(5), start=NOW - 10)
    newer = make_run("newer", events=training_events(120), start=NOW - 5)
    document = json.loads(newer.config_file.read_text())
    document["settings"]["magic"] = True
    newer.config_file.write_text(json.dumps(document))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("c", "enter")
        await settle(pilot)
        assert isinstance(app.screen, CompareScreen)
        names = [app.screen.query_one(KeyTable).get_row_at(index)[0].plain for index in range(5)]
        assert names == ["condition", "done", "recent loss", "best validation", "s/step"]
        assert any("not valid here" in note for note in notes(app))


async def test_a_run_is_repeated_with_changes_or_queued(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("a", events=training_events(5))
    standing.set_paused(True)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert standing.read().runs == (run,)
        await pilot.press("e")
        await pilot.pause()
        assert isinstance(app.screen, WizardScreen)
        assert app.screen.state.document.document["data"]["tensors"] == "/data/tensors"


async def test_long_names_are_told_apart_by_their_ends(make_app: MakeApp, make_run: MakeRun, settle: Settle) -> None:
    """Runs are named after songs, adapter and number: only the ends differ, and they were what was cut."""
    for number in (2, 3):
        standing.add(make_run(f"2026-summer-recordings-remastered-lora-{number}"))
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert sorted(name[-7:] for name in names(app)) == ["-lora-2", "-lora-3"]
        await pilot.press("u")
        await settle(pilot)
        assert all(f"-lora-{number} " in shown(app) for number in (2, 3))
