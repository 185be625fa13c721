"""Home's keys act on the run that was under the cursor, and leave alone who has gone on to something else."""

import shlex
import shutil
import threading

import pytest
from textual.widgets import Static

from sidestep_tui.runs import events as ev
from sidestep_tui.runs import standing
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.home.run_table import RunTable
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.line_screen import LineScreen
from sidestep_tui.tui.wizard.screen import WizardScreen

from ..conftest import NOW, Events, Eventually, MakeApp, MakeRun, Settle, notes, shown


async def test_a_cursor_that_moves_on_takes_no_other_run_into_the_queue(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run("older", start=NOW - 60)
    newer = make_run("newer", start=NOW - 30)
    monkeypatch.setattr(standing, "ensure_worker", lambda: False)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        home = app.screen
        assert isinstance(home, HomeScreen)
        home.action_enqueue()
        home.query_one(RunTable).move_cursor(row=1)
        await settle(pilot)
        assert standing.read().runs == (newer,)


async def test_a_run_that_is_resumed_opens_its_monitor_only_for_who_waits_for_it(
    make_app: MakeApp,
    make_run: MakeRun,
    settle: Settle,
    eventually: Eventually,
    training_events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on, has_started = threading.Event(), threading.Event()

    def start(*_given: object) -> bool:
        go_on.wait(60)
        has_started.set()
        return True

    monkeypatch.setattr("sidestep_tui.tui.home.run_keys.start_engine", start)
    make_run("evening", events=training_events(30))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("r", "n")
        await eventually(pilot, lambda: isinstance(app.screen, WizardScreen))
        go_on.set()
        await eventually(pilot, has_started.is_set)
        await app.workers.wait_for_complete([one for one in app.workers if one.group == "launch"])
        await pilot.pause()
        assert isinstance(app.screen, WizardScreen)


async def test_after_a_deletion_the_cursor_is_at_the_run_that_followed(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, eventually: Eventually, training_events: Events
) -> None:
    for age in range(5):
        make_run(f"run {age}", events=training_events(5), start=NOW - 100 * (age + 1))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        home = app.screen
        assert isinstance(home, HomeScreen)
        table = home.query_one(RunTable)
        for row, left in ((2, "run 3"), (2, "run 4"), (2, "run 1")):
            table.move_cursor(row=row)
            await pilot.press("d")
            await eventually(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press("y")
            await settle(pilot)
            run = home.current()
            assert run is not None
            assert run.run.name == left


async def test_a_note_does_not_bring_a_deleted_run_back(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("evening", events=training_events(30))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("N", "w", "a", "r", "m")
        shutil.rmtree(run.path)
        await pilot.press("enter")
        await settle(pilot)
        assert not run.path.exists()
        assert any("This is not a run." in note for note in notes(app))


async def test_y_shows_a_whole_command_that_makes_a_song_with_the_adapter(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    run = make_run("waltz night", events=training_events(30, 30, ev.RunCompleted()))
    app = make_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "y shows the command that lets you hear it" in shown(app)
        await pilot.press("y")
        assert isinstance(app.screen, LineScreen)
        line = str(app.screen.query_one("#line", Static).content)
        verb, *words = shlex.split(line)[1:]
        given = dict(zip(words[::2], words[1::2], strict=True))
        assert verb == "generate"
        assert (given["--model"], given["--adapter"]) == ("/models/acestep-v15-turbo", str(run.final))
        assert given["--prompt"]
        assert app.clipboard == line
