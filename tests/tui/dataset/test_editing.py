"""Editing from the table of songs: many at once, accepting, mending, and taking it back."""

from pathlib import Path

from textual.widgets import Static

from sidestep_tui.tui.dataset.dialogs import BulkEditScreen
from sidestep_tui.tui.dataset.summary import Summary
from sidestep_tui.tui.widgets.table import KeyTable

from ..conftest import shown
from .conftest import OpenReview, notes, screen, table, type_in


async def test_marked_songs_are_edited_together(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        await pilot.press("space", "space", "e")
        await pilot.pause()
        assert isinstance(pilot.app.screen, BulkEditScreen)
        await type_in(pilot, "language=japanese")
        await pilot.pause()
        assert "2 of 2 songs change" in str(pilot.app.screen.query_one("#effect", Static).render())
        await pilot.press("enter")
        await pilot.pause()
        languages = [song.language for song in screen(pilot).review.dataset.songs]
        assert languages[:3] == ["ja", "ja", "ja"]
        await pilot.press("u")
        assert [song.language for song in screen(pilot).review.dataset.songs][:2] == ["en", "unknown"]


async def test_one_song_that_was_edited_is_one_song(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (120, 36), "e") as pilot:
        await pilot.pause()
        await type_in(pilot, "language=ja")
        await pilot.press("enter")
        await pilot.pause()
        assert "language: set for 1 song. " in notes(pilot)


async def test_a_value_that_a_field_cannot_have_is_refused_in_the_dialog(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "e") as pilot:
        await pilot.pause()
        await type_in(pilot, "bpm=fast")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, BulkEditScreen)
        assert "is no tempo" in str(pilot.app.screen.query_one("#effect", Static).render())


async def test_accepting_goes_on_and_counts(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        await pilot.press("v", "v")
        assert table(pilot).cursor == 2
        assert "2 reviewed" in str(screen(pilot).query_one(Summary).render())
        await pilot.press("g", "n")
        assert table(pilot).cursor == 2


async def test_an_undo_out_of_sight_is_told(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "v") as pilot:
        await pilot.press("slash")
        await type_in(pilot, "bpm>100")
        await pilot.press("enter", "u")
        await pilot.pause()
        assert "01 waltz.wav has changed; the filter hides it." in notes(pilot)


async def test_all_songs_with_a_finding_are_mended_at_once(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (120, 36)) as pilot:
        review = screen(pilot).review
        concerned = [key for key in review.songs if review.checks.has(key, code="missing-lyrics")]
        assert concerned
        await pilot.press("f")
        await pilot.pause()
        kinds = pilot.app.screen.query_one("#kinds", KeyTable)
        for kind, mends in (("missing-caption", False), ("missing-lyrics", True)):
            while kinds.current_key != kind:
                await pilot.press("j")
            await pilot.pause()
            assert ("x Mend all" in shown(pilot.app)) == mends, kind
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert all(review.songs[key].is_instrumental for key in concerned)
        assert "missing-lyrics" not in [group.code for group in review.checks.groups()]
        await pilot.press("u")
        await pilot.pause()
        assert not any(review.songs[key].is_instrumental for key in concerned)
