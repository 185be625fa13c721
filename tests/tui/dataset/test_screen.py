"""The table of songs by its keys: finding, sorting, marking, accepting, editing many."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset.dialogs import BulkEditScreen
from sidestep_tui.tui.dataset.findings_screen import FindingsScreen
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset import song_table
from sidestep_tui.tui.dataset.columns import widths
from sidestep_tui.tui.dataset.song_table import SongTable, TableHead
from sidestep_tui.tui.dataset.summary import Summary
from sidestep_tui.tui.widgets.table import KeyTable

from ..conftest import shown
from .conftest import OpenReview, Settle, drawn, notes, screen, swell, table, type_in

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
MakeApp = Callable[..., SidestepApp]


async def test_a_folder_is_read_and_its_songs_are_listed(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        lines = drawn(pilot)
        assert len(lines) == 6
        assert "01 waltz" in lines[0]
        assert all(part in lines[0] for part in ("0:02", "✓", "slow waltz", "92", "F#m", "en"))
        assert "inst" in lines[4]
        assert "!2" in lines[1]


async def test_files_of_one_name_are_told_apart_by_their_endings(open_review: OpenReview, album: Path) -> None:
    for name in ("a rather long name of a song", "short"):
        for suffix in (".wav", ".flac"):
            write_audio(album / f"{name}{suffix}", swell(2.0, 300.0))
    async with open_review(album, (80, 24)) as pilot:
        names = [line.split("0:02")[0].strip() for line in drawn(pilot)]
    assert {"short.wav", "short.flac", "01 waltz"} <= set(names)
    assert len([name for name in names if name.startswith("a rat") and name.endswith((".wav", ".flac"))]) == 2


async def test_little_room_goes_to_the_names(open_review: OpenReview, album: Path) -> None:
    """At 60 columns captions and tags of a few letters each left six letters to the names."""
    async with open_review(album, (60, 20)) as pilot:
        head = str(screen(pilot).query_one(TableHead).render())
        assert "03 [bold]夜に駆ける 🎧" in drawn(pilot)[2]
        assert len(drawn(pilot)[0]) <= 60
    assert "Caption" not in head
    assert all(label in head for label in ("Song", "Time", "BPM", "Key", "Lang", "Found"))


@pytest.mark.parametrize("key", ["f", "t"], ids=["findings", "for-all-songs"])
async def test_lists_follow_the_width(open_review: OpenReview, album: Path, key: str) -> None:
    """A list that is wider than its screen has a scrollbar below, which takes the place of its last line."""
    async with open_review(album, (120, 36), key, "down") as pilot:
        listed = pilot.app.screen.query_one(KeyTable)
        for width in (60, 100, 72):
            await pilot.resize_terminal(width, 20)
            await pilot.pause()
            assert listed.virtual_size.width <= listed.size.width <= width
            assert listed.cursor_row == 1


async def test_names_are_drawn_literally(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        lines = "\n".join(drawn(pilot))
        assert "03 [bold]夜に駆ける 🎧" in lines
        assert r"live/04 \x1b[31mred\u202eeslaf" in lines
        assert "\x1b" not in lines


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


async def test_an_undo_out_of_sight_is_told(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "v") as pilot:
        await pilot.press("slash")
        await type_in(pilot, "bpm>100")
        await pilot.press("enter", "u")
        await pilot.pause()
        assert "01 waltz.wav has changed; the filter hides it." in notes(pilot)


async def test_nothing_fits_is_said_once_it_is_asked_for(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        await pilot.press("slash", "q", "q")
        await pilot.pause()
        assert len(drawn(pilot)) == 6
        await pilot.press("enter")
        assert screen(pilot).query_one("#nothing").display
        await pilot.press("backspace")
        assert len(drawn(pilot)) == 6


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


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_last_column_is_not_under_the_scrollbar(
    open_review: OpenReview, album: Path, size: tuple[int, int]
) -> None:
    async with open_review(album, size, "v") as pilot:
        head = str(screen(pilot).query_one(TableHead).render())
        assert drawn(pilot)[0].endswith("✓")
        assert len(drawn(pilot)[0]) == len(head) == size[0] - 1


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


async def test_ten_thousand_songs_draw_only_what_is_in_sight(
    make_app: MakeApp, many: Review, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 36)) as pilot:
        app.push_screen(ReviewScreen(many))
        await settle(pilot)
        cells: list[str] = []
        fitted, columns = song_table.fitted, len(widths(table(pilot).room))
        monkeypatch.setattr(song_table, "fitted", lambda *of: cells.append(of[1]) or fitted(*of))
        await pilot.press("G")
        await pilot.pause()
        assert "09999 song" in drawn(pilot)[-1]
        assert 0 < len(cells) <= 2 * table(pilot).size.height * columns
        cells.clear()
        await pilot.press("k")
        await pilot.pause()
        assert 0 < len(cells) <= 2 * columns


@pytest.mark.parametrize("size", [(20, 8), (40, 12), (200, 60)])
async def test_any_size_of_terminal_works(open_review: OpenReview, album: Path, size: tuple[int, int]) -> None:
    async with open_review(
        album, size, "G", "enter", "tab", "tab", "tab", "tab", "escape", "f", "escape", "t"
    ) as pilot:
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        assert table(pilot).cursor == 5


async def test_the_unsaved_edits_are_told_where_there_is_little_room(many: Review, make_app: MakeApp) -> None:
    """At 80 columns they stood behind the end of the line, as soon as songs were marked, reviewed and held out."""
    keys = list(many.songs)
    many.mark(keys)
    many.edit(keys[:9_000], {"reviewed": True})
    many.edit(keys[-1_000:], {"held_out": True})
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(ReviewScreen(many))
        await pilot.pause()
        assert "✓ 9 000   ◆ 10 000   ○ 1 000   ● 2" in shown(pilot.app)
        await pilot.resize_terminal(120, 24)
        await pilot.pause()
        assert "✓ 9 000 reviewed   ◆ 10 000 marked   ○ 1 000 held out   ● 2 unsaved" in shown(pilot.app)
