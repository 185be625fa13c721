"""The lines that a crop holds, told from line times."""

from hypothesis import given
from hypothesis import strategies as st

from sidestep_tui.dataset.crop_lyrics import time_lines
from sidestep_tui.dataset.lrc import parse_lyrics
from sidestep_tui.dataset.song import LyricTime

RATE = 25
LRC = """[Intro]

[Verse 1]
[00:10.00]one
[00:14.00]two
[00:18.00]

[Chorus]
[Loud]
[00:30.00]three
[00:34.00]four
[Outro]
"""


def crop(start: float, stop: float) -> str:
    lyrics = parse_lyrics(LRC)
    timed = time_lines(lyrics.text, lyrics.times, 60, RATE)
    assert timed is not None
    return timed.between(round(start * RATE), round(stop * RATE))


def test_a_crop_has_the_lines_whose_middle_it_holds_under_their_section() -> None:
    assert crop(0, 60) == "[Verse 1]\none\ntwo\n\n[Chorus]\n[Loud]\nthree\nfour"
    assert crop(10, 20) == "[Verse 1]\none\ntwo"
    assert crop(12.04, 20) == "[Verse 1]\ntwo"  # the middle of `one` is at 12 s
    assert crop(12, 16) == "[Verse 1]\none"  # that of `two` at 16 s is outside
    assert crop(15, 33) == "[Verse 1]\ntwo\n\n[Chorus]\n[Loud]\nthree"
    assert crop(33, 60) == "[Chorus]\n[Loud]\nfour"


def test_a_pause_is_instrumental_and_a_line_does_not_last_until_a_far_next_one() -> None:
    assert crop(18, 30) == ""
    times = (LyricTime(0.0, "word"), LyricTime(60.0, "last"))
    timed = time_lines("word\nlast", times, 400, RATE)
    assert timed is not None
    assert [line.middle for line in timed.sung] == [100, 1600]
    timed = time_lines("word\nlast", times, 64, RATE)
    assert timed is not None
    assert timed.sung[-1].middle == 62 * RATE


def test_corrected_lyrics_keep_their_times_and_other_lyrics_have_none() -> None:
    times = tuple(LyricTime(float(second), f"Line number  {second}") for second in range(10))
    lines = [f"line number {second}" for second in range(10)]
    lines[4] = "somebody corrected this"
    timed = time_lines("\n".join(lines), times, 400, RATE)
    assert timed is not None
    assert timed.between(3 * RATE, 6 * RATE) == "line number 3\nsomebody corrected this\nline number 5"
    assert time_lines("something\nelse\nentirely", times, 400, RATE) is None
    assert time_lines("", times, 400, RATE) is None
    assert time_lines("[Chorus]", times, 400, RATE) is None


@given(st.lists(st.integers(0, 300), min_size=1, max_size=20, unique=True), st.integers(1, 100))
def test_crops_side_by_side_hold_every_line_once(seconds: list[int], length: int) -> None:
    times = tuple(LyricTime(float(second), f"sung at {second}") for second in sorted(seconds))
    timed = time_lines("\n".join(time.line for time in times), times, 400, RATE)
    assert timed is not None
    parts = [timed.between(start, start + length * RATE) for start in range(0, 310 * RATE, length * RATE)]
    assert [line for part in parts if part for line in part.split("\n")] == [time.line for time in times]
