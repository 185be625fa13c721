"""The review without a screen: what is shown, in which order, and what a change touches."""

from pathlib import Path

import pytest

from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.session import EditSession
from sidestep_tui.errors import UsageError
from sidestep_tui.tui.dataset.columns import COLUMNS, fitted, widths
from sidestep_tui.tui.dataset.review import Order, Review

from .conftest import many_songs


@pytest.fixture
def review(tmp_path: Path) -> Review:
    made = Review(EditSession(many_songs(12, tmp_path)))
    made.checks.replace_all(made.dataset, check_dataset(made.dataset))
    return made


def numbers(review: Review) -> list[int]:
    return [int(key.rpartition("/")[2][:5]) for key in review.shown]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", list(range(12))),
        ("number 11", [11]),
        ("GUITAR mood 3", [3, 10]),
        ("bpm>69 and language=ja", [10]),
        ("key=F#m", [0, 4, 8]),
        ("@missing-lyrics", [0, 3, 6, 9]),
        ("@missing-lyrics bpm<64", [0, 3]),
        ("@errors", []),
        ("@marked", [2, 5]),
        ("@reviewed", [7]),
        ("@unreviewed bpm>=67", [8, 9, 10, 11]),
        ("reviewed=yes", [7]),
    ],
)
def test_queries(review: Review, query: str, found: list[int]) -> None:
    review.mark([review.shown[2], review.shown[5]])
    review.edit([review.shown[7]], {"reviewed": True})
    assert review.show(query) == len(found)
    assert numbers(review) == found


@pytest.mark.parametrize("query", ["bpm>", "bpm>fast", "nothing=3", "@No!", "(bpm>3"])
def test_a_query_that_cannot_be_used_changes_nothing(review: Review, query: str) -> None:
    review.show("bpm>65")
    with pytest.raises(UsageError):
        review.show(query)
    assert (review.query, len(review.shown)) == ("bpm>65", 6)


def test_half_a_query_that_fits_nothing_changes_nothing(review: Review) -> None:
    assert review.show("zzzz", unless_empty=True) == 0
    assert len(review.shown) == 12


@pytest.mark.parametrize("name", COLUMNS)
def test_every_column_sorts_both_ways(review: Review, name: str) -> None:
    column = COLUMNS[name]
    review.show(order=Order(column))
    values = [value for key in review.shown if (value := column.value(review.songs[key], review)) is not None]
    assert values == sorted(values)
    review.show(order=Order(column, reverse=True))
    known = [value for key in review.shown if (value := column.value(review.songs[key], review)) is not None]
    assert known == values[::-1]


def test_songs_that_do_not_say_come_last_either_way(review: Review) -> None:
    for reverse in (False, True):
        review.show(order=Order(COLUMNS["key"], reverse))
        assert {review.songs[key].keyscale for key in review.shown[-3:]} == {""}


def test_an_edit_keeps_the_order_and_checks_the_song_again(review: Review) -> None:
    review.show("@missing-language")
    before = list(review.shown)
    review.edit([before[0]], {"language": "en"})
    assert review.shown == before
    assert not review.checks.has(before[0], code="missing-language")
    assert review.checks.has(before[1], code="missing-language")


def test_undo_and_redo_name_the_song(review: Review) -> None:
    key = review.shown[4]
    review.edit([key], {"bpm": 77})
    undone = review.undo()
    assert undone is not None
    assert (undone.key, undone.bpm, review.songs[key].bpm) == (key, 64, 64)
    redone = review.redo()
    assert redone is not None
    assert redone.bpm == review.songs[key].bpm == 77


def test_a_change_for_all_songs_asks_for_a_whole_check(review: Review) -> None:
    review.edit_metadata({"custom_tag": "new"})
    assert review.stale
    assert not review.take_findings(many_songs(12, review.dataset.root), [])
    assert review.take_findings(review.dataset, check_dataset(review.dataset))
    assert not review.stale


def test_findings_of_before_an_edit_do_not_come_back(review: Review) -> None:
    checked, findings = review.dataset, check_dataset(review.dataset)
    key = next(one.song for one in findings if one.code == "missing-lyrics")
    assert key is not None
    review.edit([key], {"lyrics": "la"})
    assert review.take_findings(checked, findings)
    assert not review.checks.has(key, code="missing-lyrics")


def test_marks_toggle_all_together(review: Review) -> None:
    first, second = review.shown[:2]
    review.mark([first])
    review.mark([first, second])
    assert review.marked == {first, second}
    review.mark([first, second])
    assert not review.marked


@pytest.mark.parametrize(("text", "number"), [("1", 0), ("5", 4), ("99", 11), ("00007", 6), ("disc", 0), ("7 song", 7)])
def test_jumps(review: Review, text: str, number: int) -> None:
    assert review.find(text) == review.shown[number]


def test_a_jump_to_nothing(review: Review) -> None:
    assert review.find("0") is None
    assert review.find("no such name") is None


def test_the_next_to_review_goes_round(review: Review) -> None:
    keys = review.shown
    review.edit([keys[0], keys[11]], {"reviewed": True})
    assert review.next_unreviewed(keys[10]) == keys[1]
    review.edit(keys, {"reviewed": True})
    assert review.next_unreviewed(keys[3]) is None


def test_prompts_follow_the_tag_and_the_genre_ratio(review: Review) -> None:
    key = review.shown[1]
    review.edit([key], {"genre": "noise rock"})
    review.edit_metadata({"genre_ratio": 100, "tag_position": "append"})
    text, lyrics = review.prompts(key)
    assert "# Caption\nnoise rock, zzz\n" in text
    assert lyrics.startswith("# Languages\nja\n\n# Lyric\n[Verse]\nline 1")


@pytest.mark.parametrize("room", [20, 79, 119, 200])
def test_columns_fill_the_width(room: int) -> None:
    found = widths(room)
    assert min(found.values()) >= 1
    assert room < 60 or sum(found.values()) + len(found) - 1 == room


def test_a_long_name_loses_its_folder_first() -> None:
    assert fitted(COLUMNS["song"], "a folder/夜に駆ける", 12) == "…/夜に駆ける"
    assert fitted(COLUMNS["song"], "Artist/Second/CD1/01 Intro", 20) == "…Second/CD1/01 Intro"
    assert fitted(COLUMNS["bpm"], "92", 3) == " 92"
