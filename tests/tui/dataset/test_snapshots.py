"""Pictures of the review at 80×24 and 120×36."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset.opening import OpenDatasetScreen
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.song_screen import SongScreen
from sidestep_tui.tui.dataset.sound_view import SoundView

from ..conftest import SIZES
from .conftest import Settle

MakeApp = Callable[..., SidestepApp]
Matches = Callable[..., bool]

pytestmark = pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x36"])


@pytest.fixture
def matches(
    snap_compare: Any, make_app: MakeApp, settle: Settle, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> Matches:
    """Whether a data set looks as it did after `keys`; its path is not part of the picture."""
    for screen in (OpenDatasetScreen, ReviewScreen):
        monkeypatch.setattr(screen, "set_context", lambda self, _text, put=screen.set_context: put(self, "~/album"))

    def compare(path: Path | None, size: tuple[int, int], *keys: str) -> bool:
        async def prepare(pilot: Pilot[None]) -> None:
            await settle(pilot)
            await settle(pilot)
            for key in keys:
                await pilot.press(key)
                await pilot.pause()
            if isinstance(pilot.app.screen, SongScreen):
                view = pilot.app.screen.query_one(SoundView)
                await eventually(pilot, lambda: view.sound is not None)
                await pilot.pause()

        same: bool = snap_compare(make_app("dataset", path=path), terminal_size=size, run_before=prepare)
        return same

    return compare


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param((), id="table"),
        pytest.param(("slash", *"language=ja", "enter"), id="filtered"),
        pytest.param(("slash", *"bpm>x"), id="half-a-filter"),
        pytest.param(("slash", *"qqq", "enter"), id="nothing-fits"),
        pytest.param(("space", "space", "v"), id="marked"),
        pytest.param(("space", "space", "e", *"language=ja"), id="bulk-edit"),
        pytest.param(("s",), id="sort"),
        pytest.param(("f", "j"), id="findings"),
        pytest.param(("t",), id="for-all-songs"),
        pytest.param(("t", "end", "enter", "backspace", "2", "enter", "escape"), id="held-out"),
        pytest.param(("l",), id="label"),
        pytest.param(("v", "escape"), id="leave"),
        pytest.param(("question_mark",), id="help"),
    ],
)
def test_the_table(album: Path, size: tuple[int, int], keys: tuple[str, ...], matches: Matches) -> None:
    (album / "broken.mp3").write_bytes(b"nonsense")
    assert matches(album, size, *keys)


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(("enter",), id="fields"),
        pytest.param(("j", "enter"), id="findings"),
        pytest.param(("j", "j", "j", "enter", "tab", "tab"), id="prompts"),
        pytest.param(("enter", "tab", "tab", "tab"), id="sound"),
    ],
)
def test_the_song(album: Path, size: tuple[int, int], keys: tuple[str, ...], matches: Matches) -> None:
    assert matches(album, size, *keys)


def test_the_lyrics(album: Path, size: tuple[int, int], matches: Matches) -> None:
    assert matches(album, size, "enter", "j", "j", "e")


def test_choosing(size: tuple[int, int], matches: Matches) -> None:
    assert matches(None, size)


def test_empty(size: tuple[int, int], matches: Matches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    assert matches(Path("empty"), size)


def test_error(size: tuple[int, int], matches: Matches) -> None:
    assert matches(Path("/no/such/[folder]"), size)


def test_only_broken_files(
    size: tuple[int, int], matches: Matches, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad").mkdir()
    (Path("bad") / "a.mp3").write_bytes(b"nonsense")
    assert matches(Path("bad"), size)
