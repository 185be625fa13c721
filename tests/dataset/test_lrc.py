"""Lyrics with times: every form of the LRC format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep_tui.dataset.lrc import has_times, parse_lyrics
from sidestep_tui.dataset.song import LyricTime


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [("[01:02]", 62.0), ("[01:02.5]", 62.5), ("[01:02.50]", 62.5), ("[01:02.500]", 62.5), ("[01:02:50]", 62.5),
     ("[1:02.05]", 62.05), ("[100:00.00]", 6000.0)],
)  # fmt: skip
def test_time_forms(stamp: str, seconds: float) -> None:
    lyrics = parse_lyrics(f"{stamp}Hello world")
    assert lyrics.text == "Hello world"
    assert lyrics.times == (LyricTime(seconds, "Hello world"),)


def test_metadata_word_times_gaps_and_structure_tags() -> None:
    lyrics = parse_lyrics(
        "[ti:Song]\n[ar: Someone]\n[by:me]\n[offset:+500]\n[Verse 1]\n[00:10.00]<00:10.00>Walking <00:10.90>down\n"
        "[00:12.00]\n[Chorus]\n[00:20.00][00:20.00]We [00:20.40]are [00:20.80]stars\n"
    )
    assert lyrics.text == "[Verse 1]\nWalking down\n\n[Chorus]\nWe are stars\nWe are stars"
    assert [time.seconds for time in lyrics.times] == [9.5, 11.5, 19.5, 19.5]
    assert lyrics.times[1].line == ""


def test_lines_with_several_stamps_are_sung_in_order_of_time() -> None:
    lyrics = parse_lyrics("[00:01.00]one\n[Chorus]\n[00:02.00][00:04.00]la la\n[00:03.00]two\n[Outro]")
    assert lyrics.text == "one\n[Chorus]\nla la\ntwo\nla la\n[Outro]"
    assert [time.line for time in lyrics.times] == ["one", "la la", "two", "la la"]


@pytest.mark.parametrize("text", ["[Verse 1]\nplain words", "[by: nobody] sang", "at 12:30 we met", "", "[Intro: 12]"])
def test_lyrics_without_times_stay(text: str) -> None:
    assert parse_lyrics(text).text == text
    assert parse_lyrics(text).times == ()


LRC_LIKE = st.text(alphabet="[]<>0123456789:. \nabtioffset#あ\x1b", max_size=200)


@given(LRC_LIKE | st.text())
def test_anything_is_read_and_no_time_is_left(text: str) -> None:
    lyrics = parse_lyrics(text)
    times = [time.seconds for time in lyrics.times]
    assert times == sorted(times)
    assert all(seconds >= 0 for seconds in times)
    if lyrics.times:
        assert not has_times(lyrics.text)
