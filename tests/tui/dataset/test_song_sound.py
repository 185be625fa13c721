"""The sound of one song: decoded once, drawn, told when it is gone, and trimmed by one key."""

import re
import threading
from pathlib import Path

import numpy as np
import pytest
from textual.geometry import Size

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.dataset.sound_view import SoundView, in_lines

from ..conftest import Eventually
from .conftest import OpenReview, Settle, swell
from .support import fields, found, prompts, song_screen


async def test_the_sound_is_decoded_once_and_drawn(
    open_review: OpenReview, album: Path, eventually: Eventually, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sidestep_tui.tui.dataset import listener

    decoded = []
    look_at = listener.look_at
    monkeypatch.setattr(listener, "look_at", lambda path: decoded.append(path.name) or look_at(path))
    async with open_review(album, (120, 36), "enter") as pilot:
        view = song_screen(pilot).query_one(SoundView)
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


async def test_the_spectrogram_has_shades_where_a_terminal_has_few_colours(
    open_review: OpenReview, album: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.delenv("COLORTERM", raising=False)
    async with open_review(album, (120, 36), "enter") as pilot:
        view = song_screen(pilot).query_one(SoundView)
        await eventually(pilot, lambda: view.sound is not None)
        drawn = "".join(view.render_line(y).text for y in range(view.size.height))
        assert "▀" not in drawn
        assert len(set(drawn) & set("░▒▓█")) > 1


async def test_what_the_sound_shows_joins_the_findings(
    open_review: OpenReview, album: Path, eventually: Eventually
) -> None:
    async with open_review(album, (120, 36), "enter") as pilot:
        await eventually(pilot, lambda: "Nothing is left of it above" in found(pilot))
        assert song_screen(pilot).review.checks.has("01 waltz.wav", code="narrow-bandwidth")


async def test_sound_that_is_gone_is_said(open_review: OpenReview, album: Path, eventually: Eventually) -> None:
    async with open_review(album) as pilot:
        (album / "01 waltz.wav").unlink()
        await pilot.press("enter")
        view = song_screen(pilot).query_one(SoundView)
        await eventually(pilot, lambda: "cannot be decoded" in view.notice)
        assert "cannot be decoded" in view.render_line(0).text


LONG = (
    "01 waltz.wav cannot be decoded (Error opening a file whose name is long: Format not recognised, "
    "and the other decoder says that it holds no audio stream, only a picture)."
)


@pytest.mark.parametrize(("size", "lines"), [((80, 24), 3), ((120, 36), 4)])
async def test_a_long_reason_is_told_to_its_end(
    open_review: OpenReview,
    album: Path,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    lines: int,
) -> None:
    from sidestep_tui.tui.dataset import listener

    def refuse(_path: Path) -> None:
        raise SidestepError(LONG)

    monkeypatch.setattr(listener, "look_at", refuse)
    async with open_review(album, size, "enter") as pilot:
        await pilot.press("tab", "tab", "tab")
        view = song_screen(pilot).query_one(SoundView)
        await eventually(pilot, lambda: view.notice == LONG)
        told = [view.render_line(y).text.strip() for y in range(view.size.height)]
        assert " ".join(filter(None, told)) == LONG
        assert len(list(filter(None, told))) == lines


def test_what_has_no_room_is_cut_in_the_last_line() -> None:
    assert in_lines("one two three four", Size(8, 2)) == ["one two", "three f…"]
    assert in_lines("one two", Size(0, 0)) == []


async def test_silence_is_trimmed_by_one_key_and_the_prompt_follows(
    open_review: OpenReview, tmp_path: Path, eventually: Eventually
) -> None:
    path = tmp_path / "songs" / "a.wav"
    write_audio(path, np.concatenate([np.zeros((2, 5 * 48_000), dtype=np.float32), swell(3.0, 220)], axis=1))
    before = path.read_bytes()
    async with open_review(path.parent, (120, 36), "enter") as pilot:
        await eventually(pilot, lambda: "of silence" in found(pilot))
        assert "- duration: 8 seconds" in prompts(pilot)
        mend = next(number for number, fix in song_screen(pilot).mends.items() if "trim_start" in fix.changes)
        await pilot.press(str(mend))
        await pilot.pause()
        assert "of silence" not in found(pilot)
        assert "- duration: 3 seconds" in prompts(pilot)
        assert fields(pilot)["trim_start"] == ("4.94", "edited")
        assert "trimmed to 0:05–end" in "".join(
            strip.text for strip in map(song_screen(pilot).query_one(SoundView).render_line, range(30))
        )
        await pilot.press("u")
        await pilot.pause()
        assert "- duration: 8 seconds" in prompts(pilot)
    assert path.read_bytes() == before


async def test_a_digit_means_the_same_mend_after_the_sound_was_heard(
    open_review: OpenReview, tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What 2 did changed under the finger: the tempo was to be set, and the song became louder."""
    from sidestep_tui.tui.dataset import listener

    path, answer = tmp_path / "songs" / "a.wav", threading.Event()
    write_audio(path, np.concatenate([np.zeros((2, 5 * 48_000), dtype=np.float32), swell(3.0, 220)], axis=1))
    look_at = listener.look_at
    monkeypatch.setattr(listener, "look_at", lambda path: answer.wait(60) and look_at(path))
    async with open_review(path.parent, (120, 36), "enter") as pilot:
        await eventually(pilot, lambda: "set the tempo" in found(pilot))
        before = digits(found(pilot))
        answer.set()
        await eventually(pilot, lambda: "of silence" in found(pilot))
        after = digits(found(pilot))
        assert len(after) > len(before)
        assert after.items() >= before.items()
        gone = next(digit for digit, mend in before.items() if mend == "mark instrumental")
        await pilot.press(gone)
        await pilot.pause()
        del after[gone]
        assert digits(found(pilot)) == after


def digits(findings: str) -> dict[str, str]:
    """What each digit is said to do."""
    return dict(re.findall(r"  (\d) ([a-z ]+)", findings))


async def test_an_error_stands_above_what_a_digit_mends(
    open_review: OpenReview, tmp_path: Path, eventually: Eventually
) -> None:
    """It stood below the remarks, out of sight on a small terminal, since no key mends it."""
    path = tmp_path / "songs" / "a.wav"
    write_audio(path, np.zeros((2, 5 * 48_000), dtype=np.float32))
    async with open_review(path.parent, (80, 24), "enter") as pilot:
        await eventually(pilot, lambda: "It is silent." in found(pilot))
        lines = found(pilot).splitlines()
        assert lines[0].startswith("× It is silent.")
        assert [lines[place][0] for place in (1, -1)] == ["!", "·"]
        assert "  1 write a caption" in lines[1]
        await pilot.press("2")
        await pilot.pause()
        assert fields(pilot)["is_instrumental"] == ("yes", "edited")
