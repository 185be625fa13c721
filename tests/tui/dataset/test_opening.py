"""Opening a data set: its progress, what cannot be read, and the ways to it."""

import itertools
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from sidestep_tui.dataset import session as sessions
from sidestep_tui.dataset.session import EditSession, open_session
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset.opening import OpenDatasetScreen
from sidestep_tui.tui.dataset.opening_words import reading
from sidestep_tui.tui.dataset.recent import recent_datasets, remember_dataset
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.summary import Summary
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.widgets.lists import KeyList
from sidestep_tui.tui.widgets.table import KeyTable
from sidestep_tui.tui.wizard.dialogs import PickScreen
from sidestep_tui.tui.wizard.facts import look_at_songs

from ..conftest import shown
from .conftest import OpenReview, Settle, drawn, screen, stage, type_in

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
MakeApp = Callable[..., SidestepApp]


async def test_a_folder_without_songs_says_what_to_do(open_review: OpenReview, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    async with open_review(tmp_path / "empty") as pilot:
        assert isinstance(pilot.app.screen, OpenDatasetScreen)
        assert "holds no audio files" in stage(pilot)
        await pilot.press("o")
        await type_in(pilot, "x")
        assert pilot.app.screen.query_one(Input).value == "x"


@pytest.mark.parametrize("name", ["", "inside"])
async def test_a_folder_that_may_not_be_entered_says_so(
    open_review: OpenReview, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whoever runs the tests may enter any folder, so the system refuses by a patch."""
    closed = tmp_path / "closed"
    closed.mkdir()
    remember_dataset(closed / "earlier.json")
    stat, scandir = Path.stat, os.scandir

    def refusing(self: Path, **how: bool) -> os.stat_result:
        if closed in self.parents:
            raise PermissionError(13, "Permission denied", str(self))
        return stat(self, **how)

    def unlisted(path: Path) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(Path, "stat", refusing)
    monkeypatch.setattr(os, "scandir", unlisted)
    async with open_review(closed / name) as pilot:
        assert "cannot be read" in stage(pilot) or "does not exist" in stage(pilot)
        await pilot.press("o")
        assert isinstance(pilot.app.screen, OpenDatasetScreen)
    assert look_at_songs(closed / "inside").kind == "missing"


async def test_another_try_finds_what_has_come(
    open_review: OpenReview, tmp_path: Path, album: Path, settle: Settle
) -> None:
    async with open_review(tmp_path / "later") as pilot:
        assert "does not exist" in stage(pilot)
        album.rename(tmp_path / "later")
        await pilot.press("r")
        await settle(pilot)
        assert len(drawn(pilot)) == 6


async def test_progress_is_told_while_it_reads(
    make_app: MakeApp, album: Path, settle: Settle, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    whole = sessions.open_session

    def slow(path: Path, *, progress: Callable[[int, int], None]) -> EditSession:
        progress(3, 6)
        go_on.wait(10)
        return whole(path)

    monkeypatch.setattr(sessions, "open_session", slow)
    async with make_app("dataset", path=album).run_test() as pilot:
        await eventually(pilot, lambda: "3 of 6 audio files" in stage(pilot))
        go_on.set()
        await settle(pilot)
        assert len(drawn(pilot)) == 6


async def test_a_reading_that_is_left_stops(
    make_app: MakeApp, album: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a folder was read before the application could end."""
    stopped = threading.Event()

    def endless(_path: Path, *, progress: Callable[[int, int], None]) -> EditSession:
        try:
            for done in itertools.count():
                progress(done, 100_000)
        finally:
            stopped.set()
        raise AssertionError

    monkeypatch.setattr(sessions, "open_session", endless)
    async with make_app("home").run_test() as pilot:
        pilot.app.push_screen(OpenDatasetScreen(album))
        await eventually(pilot, lambda: "of 100 000 audio files" in shown(pilot.app))
        await pilot.press("escape")
        await eventually(pilot, stopped.is_set)
        assert isinstance(pilot.app.screen, HomeScreen)


@pytest.mark.parametrize("size", [(60, 15), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_what_was_opened_before_is_in_sight(
    size: tuple[int, int], make_app: MakeApp, tmp_path: Path, settle: Settle
) -> None:
    """In fifteen lines the list had none; and a path had 70 cells, whatever the width."""
    for number in range(9):
        folder = tmp_path / f"{number} of a name that is not short at all"
        folder.mkdir()
        remember_dataset(folder)
    async with make_app("dataset").run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("down", "down")
        assert shown(pilot.app).count("short at all") >= 6
        await pilot.resize_terminal(50, 24)
        await pilot.pause()
        assert shown(pilot.app).count("short at all") >= 6
        assert pilot.app.screen.query_one(KeyList).highlighted == 1


def test_what_comes_after_the_last_file_is_told_too() -> None:
    assert "lies beside them" in str(reading(6, 6, width=10))


def test_one_file_is_told_as_one() -> None:
    assert "1 audio file\n" in str(reading(1, 1, width=10))
    assert str(reading(0, 1, width=10)).endswith("0 of 1 audio file")


async def test_a_data_set_of_broken_files_says_so(open_review: OpenReview, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.mp3").write_bytes(b"nonsense")
    async with open_review(tmp_path / "bad") as pilot:
        assert "Not one song could be read" in str(screen(pilot).query_one("#nothing", Static).render())
        assert "1 left out" in str(screen(pilot).query_one(Summary).render())
        await pilot.press("f")
        await pilot.pause()
        assert "unreadable" in [row.value for row in pilot.app.screen.query_one("#kinds", KeyTable).rows]


async def test_the_data_set_is_among_those_opened_before(open_review: OpenReview, album: Path, settle: Settle) -> None:
    async with open_review(album):
        pass
    assert recent_datasets() == [album]
    async with open_review(None) as pilot:
        await pilot.press("tab", "enter")
        await settle(pilot)
        assert len(drawn(pilot)) == 6


async def test_tab_completes_the_folder_as_a_shell_does(open_review: OpenReview, album: Path, settle: Settle) -> None:
    async with open_review(None) as pilot:
        line = pilot.app.screen.query_one(Input)
        line.value = str(album)[:-2]
        await pilot.press("tab")
        assert line.value == f"{album}/"
        await pilot.press("enter")
        await settle(pilot)
        assert len(drawn(pilot)) == 6


async def test_a_saved_data_set_beside_is_offered(
    open_review: OpenReview, album: Path, make_app: MakeApp, eventually: Eventually, settle: Settle
) -> None:
    session = open_session(album)
    session.edit(["01 waltz.wav"], {"bpm": 61})
    session.save()
    async with make_app("dataset", path=album).run_test(size=(120, 36)) as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await settle(pilot)
        assert " 61 " in drawn(pilot)[0]


async def test_home_opens_it(make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test() as pilot:
        await settle(pilot)
        await pilot.press("D")
        await pilot.pause()
        assert isinstance(pilot.app.screen, OpenDatasetScreen)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HomeScreen)


def test_the_command_opens_the_review(monkeypatch: pytest.MonkeyPatch, album: Path) -> None:
    from sidestep_tui.cli.main import main
    from sidestep_tui.tui import app

    opened: list[tuple[str, object]] = []
    monkeypatch.setattr(app, "run_tui", lambda name, **arguments: opened.append((name, arguments)) or 0)
    assert main(["dataset", "review", str(album)]) == 0
    assert opened == [("dataset", {"path": album})]


async def test_down_leads_to_what_was_opened_before(album: Path, make_app: MakeApp, settle: Settle) -> None:
    remember_dataset(album)
    async with make_app("dataset").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "↓ Opened before" in shown(pilot.app).splitlines()[-1]
        await pilot.press("down", "enter")
        await settle(pilot)
        await settle(pilot)
        assert isinstance(pilot.app.screen, ReviewScreen)
