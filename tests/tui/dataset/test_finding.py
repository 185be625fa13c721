"""Finding songs by the keys of the table: filters, sorting, jumping, kinds of findings."""

from pathlib import Path

from textual.widgets import Input, Static

from sidestep_tui.tui.dataset.findings_screen import FindingsScreen
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.song_table import SongTable
from sidestep_tui.tui.widgets.table import KeyTable

from ..conftest import shown
from .conftest import OpenReview, drawn, screen, table, type_in


async def test_finding_narrows_while_typing_and_enter_keeps_it(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        await pilot.press("slash")
        await type_in(pilot, "bpm>100")
        await pilot.pause()
        assert len(drawn(pilot)) == 3
        await pilot.press("enter", "j")
        assert table(pilot).cursor == 1
        assert "3 of 6" in str(screen(pilot).query_one("#fits", Static).render())
        await pilot.press("backspace")
        assert len(drawn(pilot)) == 6
        assert not screen(pilot).query_one("#query").display


async def test_half_a_filter_leaves_the_songs_and_says_what_is_missing(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        await pilot.press("slash")
        await type_in(pilot, "bpm>")
        await pilot.pause()
        assert drawn(pilot)
        assert "missing at the end" in str(screen(pilot).query_one("#fits", Static).render())
        for width, end in ((80, "is missing at the end."), (60, "…")):
            await pilot.resize_terminal(width, 24)
            await pilot.pause()
            (told,) = (line for line in shown(pilot.app).splitlines() if "! The filter" in line)
            assert told.rstrip().endswith(end)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ReviewScreen)
        assert len(drawn(pilot)) == 6


async def test_the_way_back_from_a_filter_leads_to_all_songs(open_review: OpenReview, album: Path) -> None:
    """It led out of the data set, from the songs of one finding too."""
    async with open_review(album, (80, 24), "f", "enter") as pilot:
        await pilot.pause()
        assert len(drawn(pilot)) < 6
        await pilot.press("escape")
        await pilot.pause()
        assert len(drawn(pilot)) == 6
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, ReviewScreen)


async def test_songs_are_in_the_order_that_their_head_names_from_the_first(
    open_review: OpenReview, album: Path
) -> None:
    """Capitals came first until the first filter, which arranged the songs anew."""
    (album / "live" / "05 interlude.wav").rename(album / "Zebra.wav")
    async with open_review(album) as pilot:
        first = drawn(pilot)
        await pilot.press("S", "S")
        await pilot.pause()
        assert drawn(pilot) == first


async def test_a_click_ends_the_typing_and_another_goes_on_with_it(open_review: OpenReview, album: Path) -> None:
    """The line still had the letters, unseen: no key of the songs did anything. Clicked into, it found nothing."""
    async with open_review(album, (80, 24)) as pilot:
        await pilot.press("slash")
        await type_in(pilot, "bpm>100")
        await pilot.pause()
        await pilot.click(SongTable, offset=(5, 1))
        await pilot.press("v")
        await pilot.pause()
        assert "1 reviewed" in shown(pilot.app)
        assert "/ bpm>100" in shown(pilot.app)
        assert "space Mark" in shown(pilot.app)
        await pilot.click(screen(pilot).query_one(Input))
        await pilot.press("end", "0")
        await pilot.pause()
        assert "0 of 6" in shown(pilot.app)
        await pilot.press("backspace", "enter")
        assert len(drawn(pilot)) == 3


async def test_nothing_fits_is_said_once_it_is_asked_for(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        await pilot.press("slash", "q", "q")
        await pilot.pause()
        assert len(drawn(pilot)) == 6
        await pilot.press("enter")
        assert screen(pilot).query_one("#nothing").display
        await pilot.press("backspace")
        assert len(drawn(pilot)) == 6


async def test_sorting_keeps_the_cursor_on_its_song(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        await pilot.press("j", "s")
        await pilot.pause()
        await pilot.press(*["down"] * 4, "enter")
        await pilot.pause()
        assert "02 rain" in drawn(pilot)[3]
        assert table(pilot).current == "02 rain.wav"
        await pilot.press("S")
        assert "02 rain" in drawn(pilot)[0]


async def test_jumping_by_number(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "colon") as pilot:
        await pilot.pause()
        await pilot.press("5", "enter")
        await pilot.pause()
        assert table(pilot).current == "live/05 interlude.wav"


async def test_a_kind_of_finding_becomes_the_filter(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (120, 36), "f") as pilot:
        await pilot.pause()
        assert isinstance(pilot.app.screen, FindingsScreen)
        kinds = [row.value for row in pilot.app.screen.query_one("#kinds", KeyTable).rows]
        await pilot.press(*["j"] * kinds.index("missing-bpm"), "enter")
        await pilot.pause()
        assert [line.split()[0] for line in drawn(pilot)] == ["live/05", "live/06"]
