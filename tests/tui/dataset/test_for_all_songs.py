"""The settings of a whole data set: its tag, the ratio of genres, the songs that are held out."""

from pathlib import Path

import pytest
from textual.widgets import Input, Static

from sidestep_tui.tui.dataset.settings_screen import DatasetSettingsScreen
from sidestep_tui.tui.widgets.bars import TopBar

from ..conftest import shown
from .conftest import OpenReview, Settle
from .support import prompts


async def test_the_tag_of_the_data_set_reaches_every_prompt(
    open_review: OpenReview, album: Path, settle: Settle
) -> None:
    async with open_review(album, (80, 24), "t") as pilot:
        await pilot.pause()
        assert isinstance(pilot.app.screen, DatasetSettingsScreen)
        await pilot.press("j", "enter")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "w4ltz"
        await pilot.press("enter")
        await pilot.pause()
        effect = str(pilot.app.screen.query_one("#effect", Static).render())
        assert "w4ltz, slow waltz" in effect
        await pilot.press("j", "enter")
        await pilot.pause()
        await pilot.press("down", "enter")
        await pilot.pause()
        assert "voice, w4ltz" in str(pilot.app.screen.query_one("#effect", Static).render())
        await pilot.press("escape")
        await settle(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert "voice, w4ltz" in prompts(pilot)


@pytest.mark.parametrize("size", [(80, 15), (60, 15)])
async def test_the_hint_is_seen_in_a_low_terminal(open_review: OpenReview, album: Path, size: tuple[int, int]) -> None:
    async with open_review(album, size, "t") as pilot:
        await pilot.pause()
        await pilot.press("end")
        await pilot.pause()
        await pilot.pause()
        assert "chooses others." in " ".join(shown(pilot.app).split())
        assert "Held out" in shown(pilot.app), "the row under the cursor"


async def test_a_ratio_that_is_none_is_refused(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "t", "j", "j", "j", "enter") as pilot:
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "200"
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, DatasetSettingsScreen)
        assert not pilot.app.screen.review.session.has_unsaved_edits


async def test_a_number_of_songs_is_held_out_for_validation(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "t") as pilot:
        await pilot.pause()
        await pilot.press("end", "enter")
        await pilot.pause()
        line = pilot.app.screen.query_one(Input)
        line.value = "6"
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.screen.query(Input), "all six songs cannot be held out"
        line.value = "2"
        await pilot.press("enter")
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, DatasetSettingsScreen)
        assert sum(song.held_out for song in screen.review.dataset.songs) == 2
        await pilot.press("u")
        await pilot.pause()
        assert not any(song.held_out for song in screen.review.dataset.songs)


async def test_a_new_name_is_the_one_in_the_top_line_and_the_old_one_no_edit(
    open_review: OpenReview, album: Path
) -> None:
    """A value that was taken as it stood was an edit, which the next undo took back without a trace."""
    async with open_review(album, (80, 24), "t", "enter") as pilot:
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, DatasetSettingsScreen)
        assert not pilot.app.screen.review.session.can_undo
        await pilot.press("enter")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "seaside"
        await pilot.press("enter")
        await pilot.pause()
        assert pilot.app.screen.query_one(TopBar).context == "seaside"
        await pilot.press("u")
        assert pilot.app.screen.query_one(TopBar).context == "album"
