"""A data set that is read while the help lies over its opening: it opens after the help, and leads back home."""

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sidestep_tui.dataset import session as sessions
from sidestep_tui.dataset.session import EditSession
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.help import HelpScreen
from sidestep_tui.tui.home.screen import HomeScreen

from ..conftest import shown
from .conftest import Settle


async def test_the_review_waits_for_the_help_and_home_lies_beneath_it(
    make_app: Callable[..., SidestepApp],
    album: Path,
    settle: Settle,
    eventually: Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()
    whole = sessions.open_session

    def slow(path: Path, **how: object) -> EditSession:
        go_on.wait(10)
        return whole(path)

    monkeypatch.setattr(sessions, "open_session", slow)
    async with make_app().run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, SidestepApp)
        app.open("dataset", path=album)
        await eventually(pilot, lambda: "Looking for songs" in shown(app))
        await pilot.press("question_mark")
        go_on.set()
        await settle(pilot)
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(app.screen, ReviewScreen)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(app.screen, HomeScreen)
