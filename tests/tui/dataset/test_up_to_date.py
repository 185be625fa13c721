"""What stands on a screen is how things are: after edits on another screen, while labels come in, after a check."""

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.proposals import Proposals
from sidestep_tui.dataset.session import open_session
from sidestep_tui.runs.events import RunStarted
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset import base
from sidestep_tui.tui.dataset import review as reviews
from sidestep_tui.tui.dataset.findings_screen import FindingsScreen
from sidestep_tui.tui.dataset.label_line import LabelLine
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.song_table import SongTable
from sidestep_tui.tui.wizard.dialogs import PickScreen

from ..conftest import shown
from .conftest import OpenReview, screen
from .support import fields
from .test_labelling import left_by_a_run, proposal

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
MakeApp = Callable[..., SidestepApp]
SONG = "live/06 שיר ארוך.wav"


async def mend_first_kind(pilot: Pilot[None]) -> None:
    """In the list of findings: all songs of the first kind that follows from the songs themselves."""
    for _ in range(9):
        if pilot.app.screen.check_action("mend_all", ()):
            break
        await pilot.press("down")
    await pilot.press("x")
    await pilot.pause()
    assert isinstance(pilot.app.screen, PickScreen)
    await pilot.press("enter")
    await pilot.pause()


async def test_what_was_mended_among_the_findings_is_seen_in_the_table(open_review: OpenReview, album: Path) -> None:
    """The figures above the table did not know of an unsaved edit, nor the table of a mended song."""
    async with open_review(album, (120, 36), "f") as pilot:
        before = shown(pilot.app)
        await mend_first_kind(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ReviewScreen)
        assert "1 unsaved" in shown(pilot.app)
        assert "1 unsaved" not in before


async def test_a_check_survives_the_screen_that_asked_for_it(
    open_review: OpenReview, album: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who left the findings before the check had ended kept the old ones until the next edit."""
    go_on = threading.Event()

    def slowly(*given: object) -> object:
        assert go_on.wait(10)
        return check_dataset(*given)  # type: ignore[arg-type]

    async with open_review(album, (120, 36), "f") as pilot:
        review = pilot.app.screen.review  # type: ignore[attr-defined]
        monkeypatch.setattr(reviews, "_CHECK_AT_ONCE", 0)
        monkeypatch.setattr(base, "check_dataset", slowly)
        await mend_first_kind(pilot)
        assert review.stale
        await pilot.press("escape")
        await pilot.pause()
        go_on.set()
        await eventually(pilot, lambda: not review.stale)


async def test_captions_that_are_no_longer_alike_are_no_finding(open_review: OpenReview, album: Path) -> None:
    session = open_session(album)
    session.edit([song.key for song in session.dataset.songs], {"caption": "a song"})
    async with open_review(album, (120, 36), "f") as pilot:
        assert "All 6 songs have the same caption" in shown(pilot.app)
        assert isinstance(pilot.app.screen, FindingsScreen)
        pilot.app.screen.edit([SONG], {"caption": "oud and a male voice"})
        await pilot.pause()
        assert "the same caption" not in shown(pilot.app)
        await pilot.press("u")
        assert "the same caption" in shown(pilot.app)


def test_a_check_that_a_large_edit_has_overtaken_is_made_anew(many: Review) -> None:
    """Each of its songs was checked again, one by one, while the terminal stood still."""
    before = many.dataset
    found = check_dataset(before)
    many.edit([song.key for song in before.songs], {"language": "de"})
    assert not many.take_findings(before, found)
    assert many.stale
    assert many.take_findings(many.dataset, check_dataset(many.dataset))


async def test_labels_that_come_in_are_seen_on_the_song_that_is_open(
    make_app: MakeApp, album: Path, eventually: Eventually
) -> None:
    run = left_by_a_run(album)
    with EventWriter(run.events_file) as events, run.held():
        events.write(RunStarted(job="label", pid=1, host="", device="cpu", version="", settings={}))
        async with make_app("dataset", path=album).run_test(size=(120, 36)) as pilot:
            await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
            review = screen(pilot).review
            await eventually(pilot, lambda: screen(pilot).query_one(LabelLine).running is not None)
            await pilot.press("G", "enter")
            await pilot.pause()
            assert fields(pilot)["bpm"] == ("–", "")
            Proposals(run.path).add(proposal(SONG, bpm="100"))
            await eventually(pilot, lambda: review.songs[SONG].bpm == 100)
            assert fields(pilot)["bpm"] == ("100", "guessed 70%")


async def test_whoever_has_scrolled_away_from_the_cursor_is_left_there(many: Review, make_app: MakeApp) -> None:
    """Every label that came in scrolled the songs back to the cursor, under the wheel of a mouse."""
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(ReviewScreen(many))
        await pilot.pause()
        table = screen(pilot).query_one(SongTable)
        table.scroll_to(y=500, animate=False, immediate=True)
        many.edit([many.shown[0]], {"bpm": 99})
        screen(pilot).show_changes()
        await pilot.pause()
        assert table.scroll_offset.y == 500
        await pilot.press("j")
        await pilot.pause()
        assert (table.cursor, table.scroll_offset.y) == (1, 1)
