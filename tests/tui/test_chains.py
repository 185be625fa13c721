"""A chain that the wizard has started: the queue tells of it, and no screen offers to start its runs out of turn."""

from collections.abc import Iterator
from contextlib import ExitStack

import portalocker
import pytest

from sidestep_tui.config.places import runs_home
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import queue, standing
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.queue import start_queue
from sidestep_tui.tui.queue.screen import QueueScreen
from sidestep_tui.tui.wizard.dialogs import PickScreen

from .conftest import NOW, SIZES, Looks, MakeApp, MakeRun, Settle, shown

sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x36"])
ENCODING = [
    ev.RunStarted(job="preprocess", pid=1, host="box", device="cuda:0", version="0"),
    ev.PhaseChanged(phase="encoding"),
    ev.Progress(done=0, total=18, unit="songs"),
    ev.Progress(done=11, total=18, unit="songs"),
]


@pytest.fixture
def chain(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExitStack]:
    """Encode, then measure, then train: the first is at work. Closing it ends the chain's process and the engine."""
    monkeypatch.setattr(queue, "resume_queue", lambda _file: None)
    monkeypatch.setattr(standing, "resume_queue", lambda _file: None)
    runs = [
        make_run("tune-preprocess", "preprocess", ENCODING, start=NOW - 60),
        make_run("tune-estimate", "estimate", start=NOW - 59.8),
        make_run("tune", start=NOW - 59.6),
    ]
    file = start_queue(runs)
    with ExitStack() as stack:
        stack.enter_context(runs[0].held())
        lock = stack.enter_context(file.with_suffix(".lock").open("ab"))
        portalocker.lock(lock, portalocker.LOCK_EX)
        yield stack


def lines(text: str) -> str:
    """What stands on the terminal, without its line breaks."""
    return " ".join(text.replace("│", " ").split())


async def test_the_queue_tells_of_the_chain_as_long_as_it_works(
    make_app: MakeApp, settle: Settle, chain: ExitStack
) -> None:
    app = make_app("queue")
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "A chain is at work beside it: tune-preprocess 2 runs wait for that." in lines(shown(app))
        chain.close()
        screen = app.screen
        assert isinstance(screen, QueueScreen)
        screen.read_queue()
        await settle(pilot)
        await settle(pilot)
        assert "A chain ended at tune-preprocess, interrupted: r goes on 2 runs wait." in lines(shown(app))


async def test_the_last_run_of_a_chain_has_none_that_wait(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "resume_queue", lambda _file: None)
    first = make_run("encoded", "preprocess", [*ENCODING, ev.RunCompleted()])
    file = start_queue([first, make_run("last")])
    app = make_app("queue")
    with file.with_suffix(".lock").open("ab") as lock:
        portalocker.lock(lock, portalocker.LOCK_EX)
        async with app.run_test() as pilot:
            await settle(pilot)
            assert "at work beside it: last" in shown(app)
            assert "for that" not in shown(app)


async def test_a_run_of_the_chain_cannot_be_put_into_the_queue(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, chain: ExitStack
) -> None:
    make_run("by itself")
    app = make_app("queue")
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(app.screen, PickScreen)
        assert "by itself" in shown(app)
        assert "tune " not in shown(app)
        await pilot.press("enter")
        await settle(pilot)
    assert [run.name for run in standing.read().runs] == ["by itself"]


async def test_home_starts_what_waits_only_when_the_chain_is_gone(
    make_app: MakeApp, settle: Settle, chain: ExitStack
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "tune-preprocess is running" in lines(shown(app))
        assert "starts after tune-estimate" in shown(app)  # the cursor is on the newest run, training
        await pilot.press("r", "a")
        await settle(pilot)
        assert app.screen.check_action("resume", ()) is False
        assert standing.read().runs == ()
        chain.close()
        app.screen.read_runs()  # type: ignore[attr-defined]
        await settle(pilot)
        assert app.screen.check_action("resume", ())
        assert app.screen.check_action("enqueue", ())


async def test_between_two_runs_home_says_what_starts_by_itself(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "resume_queue", lambda _file: None)
    first = make_run("encoded", "preprocess", [*ENCODING, ev.RunCompleted()], start=NOW - 60)
    file = start_queue([first, make_run("last", start=NOW - 59.9)])
    app = make_app()
    with file.with_suffix(".lock").open("ab") as lock:
        portalocker.lock(lock, portalocker.LOCK_EX)
        async with app.run_test() as pilot:
            await settle(pilot)
            assert "last is started by itself after encoded." in lines(shown(app))


async def test_the_monitor_does_not_start_it_either(make_app: MakeApp, settle: Settle, chain: ExitStack) -> None:
    app = make_app("monitor", run=RunDirectory(runs_home() / "tune"))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "This run is started by itself after tune-estimate." in shown(app)
        assert app.screen.check_action("resume", ()) is False
        chain.close()
        app.screen.read()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "r starts it" in shown(app)
        assert app.screen.check_action("resume", ())


@sizes
@pytest.mark.parametrize("name", ["queue", "home"])
def test_a_chain_at_work_looks(
    size: tuple[int, int], name: str, make_app: MakeApp, chain: ExitStack, looks: Looks
) -> None:
    assert looks(make_app(name), size)
