"""Fixes as pure functions of a song: what one key would set."""

from pathlib import Path

import pytest

from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.fixes import fix_for, skeleton, tempo_choices, without_copy, without_markup, without_tag
from sidestep_tui.dataset.song import AudioInfo, Belief, Dataset, DatasetMetadata, Finding, Severity, Song, Source
from tests.dataset.conftest import set_fields
from tests.tui.dataset.conftest import VERSES

METADATA = DatasetMetadata(custom_tag="zzz")


def song(**fields: object) -> Song:
    audio = AudioInfo(120.0, 44_100, 2, "pcm_16", 1_000, 1)
    return Song(key="a.wav", audio_path=Path("/music/a.wav"), audio=audio, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("lyric-times", {"caption": "c, d, e, f", "lyrics": "[00:01.00]la\n[00:02.50]lo", "language": "en"}),
        ("lyrics-html", {"caption": "c, d, e, f", "lyrics": "la<br>lo &amp; li", "language": "en"}),
        ("caption-as-lyrics", {"lyrics": "rock, guitar, loud", "sources": {"lyrics": Source.TEXT_FILE}}),
        ("lyrics-twice", {"caption": "c", "lyrics": "\n".join([*map(str, range(9)), *map(str, range(9))])}),
        ("no-structure-tags", {"caption": "c", "lyrics": VERSES + "\n\nlast light", "language": "en"}),
        ("missing-language", {"caption": "c", "lyrics": "шел дождь"}),
        ("language-mismatch", {"caption": "c", "lyrics": "шел дождь", "language": "ja"}),
        ("bpm-range", {"caption": "c", "bpm": 340}),
        ("tag-twice", {"caption": "piano, ZZZ, rain"}),
        ("missing-lyrics", {"caption": "c"}),
        ("unused-lyrics", {"caption": "c", "lyrics": "la", "is_instrumental": True}),
        ("missing-genre", {"caption": "c"}),
        ("trim-ignored", {"caption": "c", "trim_start": 5000.0}),
    ],
)
def test_a_fix_takes_its_finding_away(code: str, fields: dict[str, object], tmp_path: Path) -> None:
    metadata = DatasetMetadata(custom_tag="zzz", genre_ratio=50 if code == "missing-genre" else 0)
    dataset = Dataset(root=tmp_path, songs=(song(**fields),), metadata=metadata)
    finding = next(one for one in check_dataset(dataset) if one.code == code)
    fix = fix_for(finding, dataset.songs[0], metadata)
    assert fix is not None
    assert not fix.asks
    assert code not in [one.code for one in check_dataset(set_fields(dataset, ["a.wav"], fix.changes))]


@pytest.mark.parametrize(
    ("code", "field"), [("missing-caption", "caption"), ("missing-bpm", "bpm"), ("missing-key", "keyscale")]
)
def test_what_only_a_person_knows_is_asked(code: str, field: str) -> None:
    fix = fix_for(Finding(Severity.INFO, code, ""), song(), METADATA)
    assert fix is not None
    assert (fix.asks, dict(fix.changes)) == (field, {})


def test_what_no_field_can_mend_has_no_fix() -> None:
    assert fix_for(Finding(Severity.INFO, "mono", ""), song(), METADATA) is None


@pytest.mark.parametrize(
    ("bpm", "choices"), [(None, ()), (92, (184, 46)), (140, (70, 280)), (340, (170,)), (50, (100,))]
)
def test_other_tempos_are_half_and_double_within_what_the_model_knows(
    bpm: int | None, choices: tuple[int, ...]
) -> None:
    assert tempo_choices(song(bpm=bpm)) == choices


def test_what_the_analyser_heard_second_best_comes_first() -> None:
    assert tempo_choices(song(bpm=120, beliefs={"bpm": Belief("builtin", 0.4, "80")})) == (80, 60, 240)


def test_a_guess_is_confirmed_or_replaced_by_the_second_best() -> None:
    guessed = song(keyscale="C major", beliefs={"keyscale": Belief("builtin", 0.3, "A minor")})
    unsure = fix_for(Finding(Severity.INFO, "unsure-keyscale", ""), guessed, METADATA)
    assert unsure is not None
    assert unsure.changes == {"keyscale": "A minor"}
    heard = song(lyrics="la", sources={"lyrics": Source.PROVIDER}, beliefs={"lyrics": Belief("whisper", 0.9)})
    right = fix_for(Finding(Severity.WARNING, "unreviewed-lyrics", ""), heard, METADATA)
    assert right is not None
    assert right.changes == {"lyrics": "la"}


def test_the_skeleton_calls_what_comes_again_a_chorus() -> None:
    tags = [line for line in skeleton(VERSES).split("\n") if line.startswith("[")]
    assert tags == ["[Verse 1]", "[Chorus]", "[Verse 2]", "[Chorus]"]


def test_the_skeleton_leaves_tags_that_are_there() -> None:
    assert skeleton("[Bridge]\nla\n\nlo") == "[Bridge]\nla\n\n[Verse 1]\nlo"


def test_markup_goes_as_a_browser_would_show_it() -> None:
    assert without_markup("<p>la</p><b>lo</b> &amp; 1 < 2") == "la\nlo & 1 < 2"


def test_half_of_a_copy_is_kept_with_its_blank_lines() -> None:
    assert without_copy("a\n\nb\na\n\nb") == "a\n\nb"


def test_a_tag_leaves_a_caption_with_the_commas_that_it_has() -> None:
    assert without_tag("piano, ZZZ, rain", "zzz") == "piano, rain"
    assert without_tag("民谣，丹青，木吉他", "丹青") == "民谣，木吉他"
