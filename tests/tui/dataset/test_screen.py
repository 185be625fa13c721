"""The table of songs: what it shows of them, and at any size of terminal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset import song_table
from sidestep_tui.tui.dataset.columns import widths
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.song_table import TableHead
from sidestep_tui.tui.widgets.table import KeyTable

from ..conftest import shown
from .conftest import OpenReview, Settle, drawn, screen, swell, table

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


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_last_column_is_not_under_the_scrollbar(
    open_review: OpenReview, album: Path, size: tuple[int, int]
) -> None:
    async with open_review(album, size, "v") as pilot:
        head = str(screen(pilot).query_one(TableHead).render())
        assert drawn(pilot)[0].endswith("✓")
        assert len(drawn(pilot)[0]) == len(head) == size[0] - 1


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
