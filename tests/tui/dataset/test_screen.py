"""The table of songs by its keys: reading, finding, marking, editing many, saving, leaving."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from sidestep_tui.dataset import session as sessions
from sidestep_tui.dataset.session import EditSession, open_session
from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset.dialogs import BulkEditScreen
from sidestep_tui.tui.dataset.findings_screen import FindingsScreen
from sidestep_tui.tui.dataset.opening import OpenDatasetScreen, reading
from sidestep_tui.tui.dataset.recent import recent_datasets
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.song_table import SongTable
from sidestep_tui.tui.dataset.summary import Summary
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.widgets.table import KeyTable
from sidestep_tui.tui.wizard.dialogs import PickScreen

from .conftest import OpenReview, Settle

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
MakeApp = Callable[..., SidestepApp]


def screen(pilot: Pilot[None]) -> ReviewScreen:
    assert isinstance(pilot.app.screen, ReviewScreen)
    return pilot.app.screen


def table(pilot: Pilot[None]) -> SongTable:
    return screen(pilot).query_one(SongTable)


def drawn(pilot: Pilot[None]) -> list[str]:
    """The lines of the table as they are on the terminal."""
    songs = table(pilot)
    lines = [songs.render_line(y).text.rstrip() for y in range(songs.size.height)]
    return [line for line in lines if line]


def stage(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#stage", Static).render())


def notes(pilot: Pilot[None]) -> str:
    return "\n".join(note.message for note in pilot.app._notifications)


async def type_in(pilot: Pilot[None], text: str) -> None:
    names = {" ": "space", "=": "equals_sign", ">": "greater_than_sign", "@": "at", ".": "full_stop", "-": "minus"}
    await pilot.press(*(names.get(character, character) for character in text))


async def test_a_folder_is_read_and_its_songs_are_listed(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        lines = drawn(pilot)
        assert len(lines) == 6
        assert "01 waltz" in lines[0]
        assert all(part in lines[0] for part in ("0:02", "✓", "slow waltz", "92", "F#m", "en"))
        assert "inst" in lines[4]
        assert "!2" in lines[1]


async def test_names_are_drawn_literally(open_review: OpenReview, album: Path) -> None:
    async with open_review(album) as pilot:
        lines = "\n".join(drawn(pilot))
        assert "03 [bold]夜に駆ける 🎧" in lines
        assert r"live/04 \x1b[31mred\u202eeslaf" in lines
        assert "\x1b" not in lines


async def test_a_folder_without_songs_says_what_to_do(open_review: OpenReview, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    async with open_review(tmp_path / "empty") as pilot:
        assert isinstance(pilot.app.screen, OpenDatasetScreen)
        assert "holds no audio files" in stage(pilot)
        await pilot.press("o")
        await type_in(pilot, "x")
        assert pilot.app.screen.query_one(Input).value == "x"


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
    import threading

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


def test_what_comes_after_the_last_file_is_told_too() -> None:
    assert "lies beside them" in str(reading(6, 6, width=10))


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
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ReviewScreen)
        assert len(drawn(pilot)) == 6


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
        while kinds.current_key != "missing-lyrics":
            await pilot.press("j")
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert all(review.songs[key].is_instrumental for key in concerned)
        assert "missing-lyrics" not in [group.code for group in review.checks.groups()]
        await pilot.press("u")
        await pilot.pause()
        assert not any(review.songs[key].is_instrumental for key in concerned)


async def test_saving_writes_the_data_set_and_empties_the_journal(
    open_review: OpenReview, album: Path, eventually: Eventually
) -> None:
    async with open_review(album, (80, 24), "v") as pilot:
        assert (album / ".sidestep-edits.jsonl").exists()
        await pilot.press("w")
        await eventually(pilot, lambda: "Saved" in notes(pilot))
        assert "unsaved" not in str(screen(pilot).query_one(Summary).render())
    samples = json.loads((album / "dataset.json").read_text())["samples"]
    assert [sample["reviewed"] for sample in samples] == [True, False, False, False, False, False]
    assert not (album / ".sidestep-edits.jsonl").exists()


async def test_another_session_is_not_overwritten_silently(
    open_review: OpenReview, album: Path, eventually: Eventually
) -> None:
    session = open_session(album)
    session.save()
    file = album / "dataset.json"
    async with open_review(file) as pilot:
        other = open_session(file)
        other.edit(["02 rain.wav"], {"bpm": 99})
        other.save()
        theirs = file.read_text()
        await pilot.press("v", "w")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press("escape")
        await pilot.pause()
        assert file.read_text() == theirs
        await pilot.press("w")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press("down", "enter")
        await eventually(pilot, lambda: "Saved" in notes(pilot))
    assert file.with_name("dataset.json.bak").read_text() == theirs
    assert json.loads(file.read_text())["samples"][0]["reviewed"]


async def test_unsaved_edits_come_back_after_a_crash(open_review: OpenReview, album: Path) -> None:
    session = open_session(album)
    session.edit(["01 waltz.wav"], {"bpm": 61})
    async with open_review(album) as pilot:  # nobody closed the session
        assert " 61 " in drawn(pilot)[0]
        assert "1 unsaved edit of an earlier session is back" in notes(pilot)
        assert "1 unsaved" in str(screen(pilot).query_one(Summary).render())
        await pilot.press("u")
        assert " 92 " in drawn(pilot)[0]


@pytest.mark.parametrize(("downs", "saved"), [(0, True), (1, False)])
async def test_leaving_with_unsaved_edits_is_asked_about_and_safe(
    open_review: OpenReview, album: Path, eventually: Eventually, downs: int, saved: bool
) -> None:
    async with open_review(album, (80, 24), "v", "escape") as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press(*["down"] * downs, "enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
    assert (album / "dataset.json").exists() == saved
    assert (album / ".sidestep-edits.jsonl").exists() != saved


async def test_staying_loses_nothing(open_review: OpenReview, album: Path, eventually: Eventually) -> None:
    async with open_review(album, (80, 24), "v", "escape") as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press("escape")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        assert screen(pilot).review.session.has_unsaved_edits
        assert "1 unsaved edit" in (screen(pilot).leave_question() or "")


async def test_without_edits_it_leaves_at_once(open_review: OpenReview, album: Path, eventually: Eventually) -> None:
    async with open_review(album, (80, 24), "escape") as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))


async def test_home_opens_it(make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test() as pilot:
        await settle(pilot)
        await pilot.press("D")
        await pilot.pause()
        assert isinstance(pilot.app.screen, OpenDatasetScreen)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HomeScreen)


async def test_an_edit_that_cannot_be_kept_is_told_and_not_made(
    open_review: OpenReview, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SidestepError("The edit cannot be kept safe.", fix="make the folder writable")

    async with open_review(album) as pilot:
        monkeypatch.setattr(screen(pilot).review.session, "edit", refuse)
        await pilot.press("v")
        assert "cannot be kept safe" in notes(pilot)
        assert not screen(pilot).review.reviewed
        assert table(pilot).cursor == 0


async def test_ten_thousand_songs_draw_only_what_is_in_sight(
    make_app: MakeApp, many: Review, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 36)) as pilot:
        app.push_screen(ReviewScreen(many))
        await settle(pilot)
        calls = []
        draw = SongTable._draw
        monkeypatch.setattr(SongTable, "_draw", lambda *of: calls.append(of) or draw(*of))
        await pilot.press("G")
        await pilot.pause()
        assert "09999 song" in drawn(pilot)[-1]
        assert 0 < len(calls) <= 2 * table(pilot).size.height
        calls.clear()
        await pilot.press("k")
        await pilot.pause()
        assert len(calls) <= 2


@pytest.mark.parametrize("size", [(20, 8), (40, 12), (200, 60)])
async def test_any_size_of_terminal_works(open_review: OpenReview, album: Path, size: tuple[int, int]) -> None:
    async with open_review(
        album, size, "G", "enter", "tab", "tab", "tab", "tab", "escape", "f", "escape", "t"
    ) as pilot:
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        assert table(pilot).cursor == 5


def test_the_command_opens_the_review(monkeypatch: pytest.MonkeyPatch, album: Path) -> None:
    from sidestep_tui.cli.main import main
    from sidestep_tui.tui import app

    opened: list[tuple[str, object]] = []
    monkeypatch.setattr(app, "run_tui", lambda name, **arguments: opened.append((name, arguments)) or 0)
    assert main(["dataset", "review", str(album)]) == 0
    assert opened == [("dataset", {"path": album})]
