"""Wordings of a song: paragraphs, redrawn tags, and the genre."""

import pytest

from sidestep_tui.dataset.effective import effective_caption
from sidestep_tui.dataset.song import DatasetMetadata
from sidestep_tui.dataset.wordings import Wording, WordingLaw, tags_of, vary, word
from tests.dataset.conftest import song

TAGS = "dark folk, violin, slow, female voice, reverb"
PROSE = "A slow song, with violin, sung by a woman who is far away."
METADATA = DatasetMetadata(custom_tag="zxq")


def test_one_wording_is_the_caption_as_it_stands() -> None:
    for caption in (TAGS, PROSE, "one\n\ntwo", ""):
        one = song(caption=caption)
        law = WordingLaw(shuffle=True, dropout=0.5)
        assert word(one, METADATA, law, use_genre=False) == (Wording("caption", effective_caption(one, METADATA)),)


def test_paragraphs_are_wordings_of_their_own() -> None:
    assert vary("one\n\n two \n \nthree", "a.wav", WordingLaw(8)) == ("one", "two", "three")
    assert vary("one\n\n two \n \nthree", "a.wav", WordingLaw(2)) == ("one", "two")


def test_tags_are_shuffled_and_dropped_as_the_seed_says() -> None:
    law = WordingLaw(40, shuffle=True, dropout=0.3)
    found = vary(TAGS, "a.wav", law)
    assert found[0] == TAGS
    assert len(found) > 30
    assert found == vary(TAGS, "a.wav", law) != vary(TAGS, "b.wav", law)
    assert found != vary(TAGS, "a.wav", WordingLaw(40, shuffle=True, dropout=0.3, seed=1))
    kept = [len(tags_of(text)) or len(text.split(",")) for text in found]
    assert all(set(text.split(", ")) <= set(TAGS.split(", ")) for text in found)
    assert sum(kept) / len(kept) == pytest.approx(0.7 * 5, abs=0.6)
    only_shuffled = vary(TAGS, "a.wav", WordingLaw(10, shuffle=True))
    assert all(sorted(text.split(", ")) == sorted(TAGS.split(", ")) for text in only_shuffled)
    assert vary(TAGS, "a.wav", WordingLaw(10)) == (TAGS,)  # nothing to vary
    assert all(vary(TAGS, "a.wav", WordingLaw(30, dropout=0.9)))  # one tag always stays


def test_prose_keeps_its_words_where_they_are() -> None:
    assert tags_of(PROSE) == ()
    assert tags_of("one, two") == ()
    assert vary(PROSE, "a.wav", WordingLaw(8, shuffle=True, dropout=0.5)) == (PROSE,)
    mixed = vary(f"{PROSE}\n\n{TAGS}", "a.wav", WordingLaw(12, shuffle=True))
    assert mixed[:2] == (PROSE, TAGS)
    assert all("violin, sung" not in text for text in mixed[2:])


def test_chinese_tags_are_varied_and_chinese_prose_is_not() -> None:
    tags = "民谣，女声，木吉他，bright synth lead，雨夜"
    assert tags_of(tags) == ("民谣", "女声", "木吉他", "bright synth lead", "雨夜")
    found = vary(tags, "a.wav", WordingLaw(8, shuffle=True))
    assert len(found) > 3
    assert all(sorted(text.split("，")) == sorted(tags.split("，")) for text in found)
    for prose in ("这首歌由安静的钢琴独奏开始, 然后鼓和贝斯加入, 最后归于平静", "民谣，女声，在雨夜轻轻唱起。"):
        assert vary(prose, "a.wav", WordingLaw(8, shuffle=True, dropout=0.5)) == (prose,)


def test_the_trigger_tag_stays_in_its_place() -> None:
    found = word(song(caption=TAGS), METADATA, WordingLaw(10, shuffle=True), use_genre=False)
    assert len(found) > 5
    assert all(wording.text.startswith("zxq, ") for wording in found)
    replaced = DatasetMetadata(custom_tag="zxq", tag_position="replace")
    assert word(song(caption=TAGS), replaced, WordingLaw(10, shuffle=True), use_genre=False) == (
        Wording("caption", "zxq"),
    )


@pytest.mark.parametrize(
    ("fields", "use_genre", "kinds"),
    [
        ({"caption": "c", "genre": "g"}, False, ["caption", "genre"]),
        ({"caption": "c", "genre": "g"}, True, ["genre", "caption"]),
        ({"caption": "c", "genre": "g", "prompt_override": "caption"}, True, ["caption"]),
        ({"caption": "c", "genre": "g", "prompt_override": "genre"}, False, ["genre"]),
        ({"caption": "c"}, True, ["caption"]),
        ({"genre": "g"}, False, ["genre"]),
        ({}, False, ["caption"]),
    ],
)
def test_the_genre_is_a_wording_where_the_song_allows_both(
    fields: dict[str, str], use_genre: bool, kinds: list[str]
) -> None:
    both = word(song(**fields), METADATA, WordingLaw(genre=True), use_genre=use_genre)
    assert [wording.kind for wording in both] == kinds
    (alone,) = word(song(**fields), METADATA, WordingLaw(), use_genre=use_genre)
    assert alone == both[0]
    assert alone.text == effective_caption(song(**fields), METADATA, use_genre=use_genre)
