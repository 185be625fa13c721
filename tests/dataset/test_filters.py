"""The language of filters: what it finds, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidestep_tui.dataset.where import parse_where
from sidestep_tui.errors import UsageError
from tests.dataset.conftest import DATASET


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("bpm>150 and language=ja", ["a.wav"]), ("bpm>=90", ["a.wav", "b/live.wav"]), ("bpm = none", ["c.wav"]),
        ('caption~"j-pop"', ["a.wav"]), ("path~live or is_instrumental=yes", ["b/live.wav", "c.wav"]),
        ("not (bpm>100 or bpm<100)", ["c.wav"]), ("key=F#m", ["a.wav"]), ("caption=''", ["c.wav"]),
        ("language!=ja and not language=unknown", ["b/live.wav"]), ("duration>=120", ["a.wav", "b/live.wav", "c.wav"]),
        ("timesignature>3", ["a.wav"]), ("caption=SLOW", ["b/live.wav"]), ("sample_rate=44100 AND bpm=190", ["a.wav"]),
        ("repeat=1 and channels<2", []), ("meter=4/4", ["a.wav"]),
    ],
)  # fmt: skip
def test_filters(text: str, keys: list[str]) -> None:
    matches = parse_where(text)
    assert [song.key for song in DATASET.songs if matches(song)] == keys


@pytest.mark.parametrize(
    "text",
    ["", "bpm", "bpm>", "bpm>fast", "bpm=fast", "colour=1", "(bpm>1", "bpm>1)", "bpm>1 bpm<2", "bpm ~= 3", '"',
     "caption>x", "not", "(" * 99 + "bpm=1" + ")" * 99, "__import__('os')"],
)  # fmt: skip
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_where(text)


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["(", ")", "and", "or", "not", "bpm", "caption", "=", ">", "~", "1", "'x'"])).map(
        " ".join
    )
)
def test_any_filter_is_understood_or_refused(text: str) -> None:
    try:
        matches = parse_where(text)
    except UsageError:
        return
    assert all(matches(song) in (True, False) for song in DATASET.songs)
