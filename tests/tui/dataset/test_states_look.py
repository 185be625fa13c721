"""How a data set looks while it is read and checked, with nothing found, and with a song whose sound is gone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sidestep_tui.dataset.session import EditSession
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset.findings_screen import FindingsScreen
from sidestep_tui.tui.dataset.reader import Reader
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.dataset.song_screen import SongScreen
from sidestep_tui.tui.dataset.sound_view import SoundView

from ..conftest import SIZES
from .conftest import many_songs

MakeApp = Callable[..., SidestepApp]
Looks = Callable[..., bool]
Size = tuple[int, int]

pytestmark = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture
def review(tmp_path: Path) -> Review:
    """Three songs whose files are gone."""
    return Review(EditSession(many_songs(3, tmp_path)))


@pytest.mark.parametrize(("done", "total"), [(0, 0), (3, 14), (14, 14)], ids=["looking", "under-way", "last-words"])
def test_a_folder_that_is_being_read(
    done: int, total: int, size: Size, make_app: MakeApp, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reader, "read", lambda _reader, _path: None)

    async def prepare(pilot: Pilot[None]) -> None:
        pilot.app.screen.post_message(Reader.Progressed(done, total))

    assert looks(make_app("dataset", path=Path("/music/album")), size, prepare)


@pytest.mark.parametrize("checked", [False, True], ids=["being-checked", "nothing-found"])
def test_findings_where_there_are_none(
    checked: bool, size: Size, review: Review, make_app: MakeApp, looks: Looks
) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        if checked:
            review.checks.replace_all(review.dataset, [])
        await pilot.app.push_screen(FindingsScreen(review))

    assert looks(make_app(), size, prepare)


def test_a_song_whose_sound_is_gone(
    size: Size, review: Review, make_app: MakeApp, looks: Looks, eventually: Any
) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        await pilot.app.push_screen(SongScreen(review, next(iter(review.songs))))
        view = pilot.app.screen.query_one(SoundView)
        await eventually(pilot, lambda: view.notice not in ("", "decoding …"))
        await pilot.press("tab", "tab", "tab")

    assert looks(make_app(), size, prepare)
