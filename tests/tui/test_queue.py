"""The queue on the screen: order, removal after a question, pause, and what it says when it is empty or broken."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from sidestep_tui.runs import events as ev
from sidestep_tui.runs import standing
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.queue.screen import QueueScreen
from sidestep_tui.tui.widgets.table import KeyTable

from .conftest import NOW, Eventually

MakeApp = Callable[..., SidestepApp]
MakeRun = Callable[..., RunDirectory]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The queue's process is not started; gives the queue files for which it would have been."""
    started: list[Path] = []
    monkeypatch.setattr(standing, "resume_queue", started.append)
    return started


def rows(app: SidestepApp) -> list[str]:
    table = app.screen.query_one(KeyTable)
    return [table.get_row_at(index)[1].plain for index in range(table.row_count)]


def said(app: SidestepApp) -> str:
    return str(app.screen.query_one("#queue-state", Static).render())


async def test_runs_are_added_moved_and_removed_after_a_question(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, no_worker: list[Path]
) -> None:
    first, second = make_run("[first]"), make_run("second")
    standing.add(first)
    app = make_app("queue")
    async with app.run_test() as pilot:
        await settle(pilot)
        assert rows(app) == ["[first]"]
        await pilot.press("a", "enter")
        await settle(pilot)
        assert rows(app) == ["[first]", "second"]
        await pilot.press("J")
        await settle(pilot)
        assert rows(app) == ["second", "[first]"]
        await pilot.press("d")
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.press("n")
        assert standing.read().runs == (second, first)
        await pilot.press("d", "y")
        await settle(pilot)
        assert rows(app) == ["second"]
    assert no_worker


async def test_the_cursor_goes_to_the_run_that_followed(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, eventually: Eventually
) -> None:
    for name in "abcde":
        standing.add(make_run(name))
    app = make_app("queue")
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("j", "j")
        for left in ("d", "e", "b"):
            await pilot.press("d")
            await eventually(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press("y")
            await settle(pilot)
            table = app.screen.query_one(KeyTable)
            assert rows(app)[table.cursor_row] == left
        standing.remove(standing.read().runs[0])  # from another terminal: one above the cursor
        await pilot.press("p")
        await settle(pilot)
        assert rows(app) == ["b"]
        assert table.cursor_row == 0


async def test_a_run_that_is_deleted_leaves_the_queue(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, eventually: Eventually
) -> None:
    doomed, other = make_run("doomed", start=NOW - 100), make_run("other", start=NOW - 200)
    for run in (doomed, other):
        standing.add(run)
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("d")
        await eventually(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await settle(pilot)
        assert not doomed.path.exists()
        assert standing.read().runs == (other,)


async def test_pausing_and_failures(make_app: MakeApp, make_run: MakeRun, settle: Settle) -> None:
    standing.add(make_run("one"))
    app = make_app("queue")
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("p", "f")
        await settle(pilot)
        assert "paused" in said(app)
        assert "After a failure it ends" in said(app)
        for _ in range(2):  # keys that come in one packet: each undoes what the one before did
            await app.screen.run_action("pause")
            await app.screen.run_action("failures")
        await settle(pilot)
    assert (standing.read().paused, standing.read().skip_failures) == (True, False)


async def test_an_empty_and_a_damaged_queue_say_so(make_app: MakeApp, settle: Settle) -> None:
    app = make_app("queue")
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.screen.query_one("#notice").display
        standing.queue_file().parent.mkdir(parents=True, exist_ok=True)
        standing.queue_file().write_text("{")
        await pilot.press("p")
        await settle(pilot)
        assert "cannot be read" in said(app)
        assert f"Where: {standing.queue_file()}" in said(app)
        assert "Fix: delete this file" in said(app)


async def test_a_queue_that_a_reboot_has_ended_is_started_once(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, no_worker: list[Path]
) -> None:
    standing.add(make_run("interrupted", events=training_events(5)))
    app = make_app("queue")
    async with app.run_test() as pilot:
        for _ in range(3):  # its engine dies at once, every time
            await settle(pilot)
            screen = app.screen
            assert isinstance(screen, QueueScreen)
            screen.read_queue()
        await settle(pilot)
        assert len(no_worker) == 1
        standing.add(make_run("another"))
        screen.read_queue()
        await settle(pilot)
        assert len(no_worker) == 2
        for _ in range(2):  # paused, and not any more
            await pilot.press("p")
            await settle(pilot)
        assert len(no_worker) == 3


@pytest.mark.parametrize(("skip", "started"), [(True, 1), (False, 0)])
async def test_a_queue_that_ends_at_a_failure_is_not_started_by_looking_at_it(
    make_app: MakeApp,
    make_run: MakeRun,
    settle: Settle,
    training_events: Events,
    no_worker: list[Path],
    skip: bool,
    started: int,
) -> None:
    standing.set_skip_failures(skip)
    failed = make_run("failed")
    for run in (failed, make_run("next")):
        standing.add(run)
    with EventWriter(failed.events_file) as log:
        for event in training_events(5, 200, ev.RunFailed(what="Not finite.")):
            log.write(event)
    app = make_app("queue")
    async with app.run_test() as pilot:
        await settle(pilot)
    assert len(no_worker) == started


async def test_a_stopped_run_that_is_put_in_is_started(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events, no_worker: list[Path]
) -> None:
    make_run("evening", events=training_events(30, 200, ev.RunStopped(reason="asked")))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert no_worker == [standing.queue_file()]
    no_worker.clear()
    app = make_app("queue")
    async with app.run_test() as pilot:
        await settle(pilot)
        assert no_worker == [standing.queue_file()]
        assert "15 % of 200 steps" in "".join(cell.plain for cell in app.screen.query_one(KeyTable).get_row_at(0))


async def test_one_of_a_unit_is_told_as_one(make_app: MakeApp, make_run: MakeRun, settle: Settle) -> None:
    standing.add(make_run("one", "preprocess", [ev.Progress(done=0, total=1, unit="songs")]))
    app = make_app("queue")
    async with app.run_test() as pilot:
        await settle(pilot)
        assert app.screen.query_one(KeyTable).get_row_at(0)[3].plain == "0 % of 1 song"
