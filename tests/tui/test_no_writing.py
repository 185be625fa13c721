"""Runs and queues on a disk that may not be written, or that are gone: a note says so, and the application goes on.

Whoever runs the tests may write anywhere, so the system refuses by a patch.
"""

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.runs import events as ev
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.queue.screen import QueueScreen

from .conftest import Events, Eventually, MakeApp, MakeRun, Settle, notes


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file can be opened for appending."""
    opened = Path.open

    def refuse(self: Path, mode: str = "r", *rest: Any, **how: Any) -> Any:
        if "a" in mode:
            raise OSError(errno.EROFS, "Read-only file system", str(self))
        return opened(self, mode, *rest, **how)

    monkeypatch.setattr(Path, "open", refuse)


async def test_a_run_that_cannot_be_deleted_says_so(
    make_app: MakeApp,
    make_run: MakeRun,
    training_events: Events,
    settle: Settle,
    eventually: Eventually,
    request: pytest.FixtureRequest,
) -> None:
    run = make_run("album", events=training_events(20, 200, ev.RunCompleted()))
    request.getfixturevalue("read_only")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("y")
        await eventually(pilot, lambda: any("The file cannot be written." in note for note in notes(pilot.app)))
        assert isinstance(pilot.app.screen, HomeScreen)
    assert run.exists()


async def test_a_run_that_somebody_else_deleted_says_so(
    make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle, eventually: Eventually
) -> None:
    run = make_run("album", events=training_events(20, 200, ev.RunCompleted()))
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        shutil.rmtree(run.path)
        await pilot.press("y")
        await eventually(pilot, lambda: any("This is not a run." in note for note in notes(pilot.app)))
        assert isinstance(pilot.app.screen, HomeScreen)


@pytest.mark.usefixtures("read_only")
async def test_a_queue_that_cannot_be_changed_says_so(
    make_app: MakeApp, settle: Settle, eventually: Eventually
) -> None:
    async with make_app("queue").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("p")
        await eventually(pilot, lambda: any("The file cannot be written." in note for note in notes(pilot.app)))
        assert isinstance(pilot.app.screen, QueueScreen)
