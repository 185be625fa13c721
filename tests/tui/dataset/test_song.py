"""One song by its keys: fields, fixes, prompts, tokens, sound, and the way through the songs."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.prompts import lyric_prompt, song_fields, text_prompt
from sidestep_tui.dataset.song import Dataset, Source
from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.dataset.dialogs import TextScreen
from sidestep_tui.tui.dataset.facts import FieldTable, FindingsList, Headline
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.settings_screen import DatasetSettingsScreen
from sidestep_tui.tui.dataset.song_screen import SongScreen
from sidestep_tui.tui.dataset.song_table import SongTable
from sidestep_tui.tui.dataset.sound_view import SoundView
from sidestep_tui.tui.dataset.tokens import TokenCount

from .conftest import OpenReview, Settle, swell

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]


def screen(pilot: Pilot[None]) -> SongScreen:
    assert isinstance(pilot.app.screen, SongScreen)
    return pilot.app.screen


def fields(pilot: Pilot[None]) -> dict[str, tuple[str, str]]:
    """Name to value and source, as the table shows them."""
    rows = screen(pilot).query_one(FieldTable)
    cells = [[text.plain for text in rows.get_row_at(index)] for index in range(rows.row_count)]
    return {name: (value, source) for name, value, source in cells}


def found(pilot: Pilot[None]) -> str:
    return str(screen(pilot).query_one(FindingsList).render())


def prompts(pilot: Pilot[None]) -> str:
    return str(screen(pilot).query_one("#prompt-text", Static).render())


async def test_every_field_is_there_with_its_source(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (120, 36), "enter") as pilot:
        await pilot.pause()
        shown = fields(pilot)
        assert shown["bpm"] == ("92", "json")
        assert shown["lyrics"][1] == "lyrics.txt"
        assert shown["genre"] == ("–", "")
        assert "1 of 6" in str(screen(pilot).query_one(Headline).render())


async def test_the_prompts_are_the_strings_that_the_model_reads(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (120, 36), "j", "j", "enter") as pilot:
        await pilot.pause()
        review = screen(pilot).review
        told = song_fields(
            screen(pilot).song, review.dataset.metadata, use_genre=False, duration=screen(pilot).song.duration
        )
        assert text_prompt(told) in prompts(pilot)
        assert lyric_prompt(told) in prompts(pilot)
        assert "# Languages\nja" in prompts(pilot)


async def test_a_line_is_edited_undone_and_redone(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "enter") as pilot:
        await pilot.pause()
        await pilot.press("j", "j", "j", "enter")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "fast"
        await pilot.press("enter")
        await pilot.pause()
        assert "is no tempo" in "".join(str(line.render()) for line in pilot.app.screen.query(Static))
        pilot.app.screen.query_one(Input).value = "101.4 BPM"
        await pilot.press("enter")
        await pilot.pause()
        assert fields(pilot)["bpm"] == ("101", "edited")
        assert "- bpm: 101" in prompts(pilot)
        await pilot.press("u")
        assert fields(pilot)["bpm"] == ("92", "json")
        await pilot.press("U")
        assert fields(pilot)["bpm"] == ("101", "edited")


async def test_lyrics_are_edited_in_a_box(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "enter", "j", "j", "e") as pilot:
        await pilot.pause()
        assert isinstance(pilot.app.screen, TextScreen)
        pilot.app.screen.query_one(TextArea).text = "[00:01.00]one\n[00:02.00]two"
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert screen(pilot).song.lyrics == "one\ntwo"
        assert screen(pilot).song.lyric_times[1].seconds == 2.0


async def test_a_choice_is_picked(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "enter", *"jjjjjjj", "enter") as pilot:
        await pilot.pause()
        await pilot.press("up", "up", "enter")
        await pilot.pause()
        assert fields(pilot)["is_instrumental"] == ("yes", "edited")
        assert "[Instrumental]" in prompts(pilot)


async def test_one_key_mends_a_finding(open_review: OpenReview, album: Path, settle: Settle) -> None:
    async with open_review(album, (80, 24), "j", "enter") as pilot:
        await pilot.pause()
        assert "1 take 170 BPM" in found(pilot)
        await pilot.press("1")
        assert fields(pilot)["bpm"] == ("170", "edited")
        assert "340 beats" not in found(pilot)
        assert "1 set en" in found(pilot)
        await pilot.press("1")
        await pilot.pause()
        assert fields(pilot)["language"] == ("en", "edited")


async def test_the_other_tempo_is_one_key_away(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "enter", "o") as pilot:
        assert screen(pilot).song.bpm == 184


async def test_accept_goes_to_the_next_and_stops_at_the_end(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "enter", *"aaaaaa") as pilot:
        await pilot.pause()
        assert screen(pilot).review.reviewed == 6
        assert "All songs shown are reviewed." in [note.message for note in pilot.app._notifications]
        assert "✓ reviewed" in str(screen(pilot).query_one(Headline).render())
        assert screen(pilot).song.source("reviewed") is Source.EDITED


async def test_neighbours_follow_the_table_and_the_cursor_comes_along(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "S", "g", "enter", "n", "n", "p") as pilot:
        assert screen(pilot).song.key == "live/05 interlude.wav"
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ReviewScreen)
        assert pilot.app.screen.query_one(SongTable).current == "live/05 interlude.wav"


async def test_undo_goes_to_the_song_that_it_changes(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "enter", "o", "n", "n", "u") as pilot:
        assert screen(pilot).song.key == "01 waltz.wav"
        assert screen(pilot).song.bpm == 92


async def test_the_sound_is_decoded_once_and_drawn(
    open_review: OpenReview, album: Path, eventually: Eventually, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sidestep_tui.tui.dataset import listener

    decoded = []
    look_at = listener.look_at
    monkeypatch.setattr(listener, "look_at", lambda path: decoded.append(path.name) or look_at(path))
    async with open_review(album, (120, 36), "enter") as pilot:
        view = screen(pilot).query_one(SoundView)
        await eventually(pilot, lambda: view.sound is not None)
        lines = [view.render_line(y).text for y in range(view.size.height)]
        assert any("▀" in line for line in lines)
        assert any("⣿" in line or "⣤" in line or "⠛" in line for line in lines)
        assert "LUFS" in lines[-1]
        assert any("0:00" in line for line in lines)
        await pilot.press("n", "p")
        await pilot.pause()
        assert view.sound is not None
        await settle(pilot)
    assert decoded.count("01 waltz.wav") == 1


async def test_what_the_sound_shows_joins_the_findings(
    open_review: OpenReview, album: Path, eventually: Eventually
) -> None:
    async with open_review(album, (120, 36), "enter") as pilot:
        await eventually(pilot, lambda: "Nothing is left of it above" in found(pilot))
        assert screen(pilot).review.checks.has("01 waltz.wav", code="narrow-bandwidth")


async def test_sound_that_is_gone_is_said(open_review: OpenReview, album: Path, eventually: Eventually) -> None:
    async with open_review(album) as pilot:
        (album / "01 waltz.wav").unlink()
        await pilot.press("enter")
        view = screen(pilot).query_one(SoundView)
        await eventually(pilot, lambda: "cannot be decoded" in view.notice)
        assert "cannot be decoded" in view.render_line(0).text


async def test_tokens_stand_beside_the_words_that_they_were_counted_from(
    open_review: OpenReview, album: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, Path]] = []

    def count(dataset: Dataset, model: Path) -> dict[str, TokenCount]:
        asked.append((dataset.root, model))
        told = song_fields(dataset.songs[0], dataset.metadata, use_genre=False, duration=dataset.songs[0].duration)
        return {text_prompt(told): TokenCount(300, True), lyric_prompt(told): TokenCount(40, False)}

    monkeypatch.setattr("sidestep_tui.tui.dataset.prompt_view.count_tokens", count)
    async with open_review(album, (120, 36), "enter", "m") as pilot:
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "/models/turbo"
        await pilot.press("enter")
        await settle(pilot)
        assert asked == [(album, Path("/models/turbo"))]
        assert "300 of at most 256 tokens   ! the last 44 are cut off" in prompts(pilot)
        assert "40 of at most 2 048 tokens" in prompts(pilot)
        await pilot.press("o")
        assert "300 of" not in prompts(pilot)
        assert "m counts again with turbo" in prompts(pilot)
        assert "40 of" in prompts(pilot)


async def test_a_model_that_cannot_count_is_said(
    open_review: OpenReview, album: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SidestepError("This folder is no model.")

    monkeypatch.setattr("sidestep_tui.tui.dataset.prompt_view.count_tokens", refuse)
    async with open_review(album, (120, 36), "enter", "m") as pilot:
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "/models/turbo"
        await pilot.press("enter")
        await settle(pilot)
        assert "not counted: This folder is no model." in prompts(pilot)


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


async def test_a_ratio_that_is_none_is_refused(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "t", "j", "j", "j", "enter") as pilot:
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "200"
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, DatasetSettingsScreen)
        assert not pilot.app.screen.review.session.has_unsaved_edits


async def test_silence_is_trimmed_by_one_key_and_the_prompt_follows(
    open_review: OpenReview, tmp_path: Path, eventually: Eventually
) -> None:
    path = tmp_path / "songs" / "a.wav"
    write_audio(path, np.concatenate([np.zeros((2, 5 * 48_000), dtype=np.float32), swell(3.0, 220)], axis=1))
    before = path.read_bytes()
    async with open_review(path.parent, (120, 36), "enter") as pilot:
        await eventually(pilot, lambda: "of silence" in found(pilot))
        assert "- duration: 8 seconds" in prompts(pilot)
        mend = next(number for number, fix in enumerate(screen(pilot).mends, 1) if "trim_start" in fix.changes)
        await pilot.press(str(mend))
        await pilot.pause()
        assert "of silence" not in found(pilot)
        assert "- duration: 3 seconds" in prompts(pilot)
        assert fields(pilot)["trim_start"] == ("4.94", "edited")
        assert "trimmed to 0:05–end" in "".join(
            strip.text for strip in map(screen(pilot).query_one(SoundView).render_line, range(30))
        )
        await pilot.press("u")
        await pilot.pause()
        assert "- duration: 8 seconds" in prompts(pilot)
    assert path.read_bytes() == before


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
