"""One song by its keys: fields, fixes, prompts, tokens, and the way through the songs."""

from pathlib import Path

import pytest
from textual.widgets import Input, Static, TextArea

from sidestep_tui.dataset.prompts import lyric_prompt, song_fields, text_prompt
from sidestep_tui.dataset.song import Dataset, Source
from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.dataset.dialogs import TextScreen
from sidestep_tui.tui.dataset.facts import Headline
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.song_table import SongTable
from sidestep_tui.tui.dataset.tokens import TokenCount

from ..conftest import shown
from .conftest import OpenReview, Settle, notes
from .support import fields, found, prompts, song_screen


async def test_every_field_is_there_with_its_source(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (120, 36), "enter") as pilot:
        await pilot.pause()
        shown = fields(pilot)
        assert shown["bpm"] == ("92", "json")
        assert shown["lyrics"][1] == "lyrics.txt"
        assert shown["genre"] == ("–", "")
        assert "1 of 6" in str(song_screen(pilot).query_one(Headline).render())


async def test_the_prompts_are_the_strings_that_the_model_reads(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (120, 36), "j", "j", "enter") as pilot:
        await pilot.pause()
        review = song_screen(pilot).review
        told = song_fields(
            song_screen(pilot).song, review.dataset.metadata, use_genre=False, duration=song_screen(pilot).song.duration
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
        assert song_screen(pilot).song.lyrics == "one\ntwo"
        assert song_screen(pilot).song.lyric_times[1].seconds == 2.0


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
        assert "2 set en" in found(pilot)
        await pilot.press("2")
        await pilot.pause()
        assert fields(pilot)["language"] == ("en", "edited")


async def test_the_other_tempo_is_one_key_away(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "enter", "o") as pilot:
        assert song_screen(pilot).song.bpm == 184


async def test_accept_goes_to_the_next_and_stops_at_the_end(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "enter", *"aaaaaa") as pilot:
        await pilot.pause()
        assert song_screen(pilot).review.reviewed == 6
        assert "All songs shown are reviewed." in notes(pilot)
        assert "✓ reviewed" in str(song_screen(pilot).query_one(Headline).render())
        assert song_screen(pilot).song.source("reviewed") is Source.EDITED


async def test_neighbours_follow_the_table_and_the_cursor_comes_along(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "S", "g", "enter", "n", "n", "p") as pilot:
        assert song_screen(pilot).song.key == "live/05 interlude.wav"
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ReviewScreen)
        assert pilot.app.screen.query_one(SongTable).current == "live/05 interlude.wav"


async def test_undo_goes_to_the_song_that_it_changes(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "enter", "o", "n", "n", "u") as pilot:
        assert song_screen(pilot).song.key == "01 waltz.wav"
        assert song_screen(pilot).song.bpm == 92


async def test_tokens_stand_beside_the_words_that_they_were_counted_from(
    open_review: OpenReview, album: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, Path]] = []

    def count(dataset: Dataset, model: Path, **_: object) -> dict[str, TokenCount]:
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
    def refuse(*_: object, **__: object) -> None:
        raise SidestepError("This folder is no model.")

    monkeypatch.setattr("sidestep_tui.tui.dataset.prompt_view.count_tokens", refuse)
    async with open_review(album, (120, 36), "enter", "m") as pilot:
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "/models/turbo"
        await pilot.press("enter")
        await settle(pilot)
        assert "not counted: This folder is no model." in prompts(pilot)


async def test_counts_of_the_model_before_do_not_stand_for_one_that_cannot_count(
    open_review: OpenReview, album: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count(dataset: Dataset, model: Path, **_: object) -> dict[str, TokenCount]:
        if model.name == "songs":
            raise SidestepError("This folder is no model.")
        told = song_fields(dataset.songs[0], dataset.metadata, use_genre=False, duration=dataset.songs[0].duration)
        return {text_prompt(told): TokenCount(44, False), lyric_prompt(told): TokenCount(40, False)}

    monkeypatch.setattr("sidestep_tui.tui.dataset.prompt_view.count_tokens", count)
    async with open_review(album, (120, 36), "enter") as pilot:
        for name in ("turbo", "songs"):
            await pilot.press("m")
            await pilot.pause()
            pilot.app.screen.query_one(Input).value = f"/models/{name}"
            await pilot.press("enter")
            await settle(pilot)
        assert "44 of" not in prompts(pilot)
        assert "not counted: This folder is no model." in prompts(pilot)


async def test_what_was_written_is_not_thrown_away_by_one_escape(open_review: OpenReview, album: Path) -> None:
    async with open_review(album, (80, 24), "enter", "j", "j", "e") as pilot:
        await pilot.pause()
        await pilot.press("x", "escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TextScreen)
        assert "Not kept yet" in str(pilot.app.screen.query_one("#keys", Static).render())
        await pilot.press("y", "escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TextScreen), "whoever wrote on is asked again"
        await pilot.press("escape")
        await pilot.pause()
        assert fields(pilot)["lyrics"][1] == "lyrics.txt"
        await pilot.press("e", "escape")
        await pilot.pause()
        assert song_screen(pilot)


async def test_what_was_written_is_not_thrown_away_by_quitting(open_review: OpenReview, album: Path) -> None:
    """Lyrics that somebody had typed went with the key that leaves, without a word."""
    async with open_review(album, (80, 24), "enter", "j", "j", "e") as pilot:
        await pilot.pause()
        written = pilot.app.screen
        await pilot.press("x", "ctrl+q")
        await pilot.pause()
        assert "What you typed is lost." in shown(pilot.app)
        await pilot.press("n")
        assert pilot.app.screen is written
        await pilot.press("escape", "escape", "ctrl+q")
    assert pilot.app.return_code == 0


async def test_a_headline_without_room_says_that_it_goes_on(open_review: OpenReview, album: Path) -> None:
    """`563 KiB` became `563`."""
    async with open_review(album, (60, 15), "enter") as pilot:
        await pilot.pause()
        line = next(line for line in shown(pilot.app).splitlines() if "1 of 6" in line).rstrip()
        assert line.endswith(("KiB", "…"))
        await pilot.resize_terminal(50, 15)
        await pilot.pause()
        line = next(line for line in shown(pilot.app).splitlines() if "1 of 6" in line).rstrip()
        assert line.endswith("…")
