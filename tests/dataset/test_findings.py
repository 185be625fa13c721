"""What is worth a look, and what reaches the model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.dataset.effective import effective_caption, effective_lyrics, genre_songs
from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.dataset.song import Dataset, DatasetMetadata, Failure, Severity, Song, Source
from tests.dataset.conftest import MakeSong, song

GOOD: dict[str, Any] = {
    "caption": "A fast rock song with guitars", "lyrics": "hello\nworld", "bpm": 120, "keyscale": "A minor",
    "timesignature": "4", "language": "en",
}  # fmt: skip

PASTED_TWICE = "\n".join(["[Verse]", *(f"line {number}" for number in range(9))] * 2)


def codes(*songs: Song, **metadata: Any) -> set[str]:
    dataset = Dataset(root=Path("/music"), songs=songs, metadata=DatasetMetadata(**metadata))
    return {finding.code for finding in check_dataset(dataset)}


def test_a_good_song_has_no_findings() -> None:
    assert codes(song(**GOOD)) == set()
    assert codes(song(**{**GOOD, "lyrics": "", "language": "unknown", "is_instrumental": True})) == set()


def test_a_caption_where_ace_step_has_the_lyrics_is_asked_about() -> None:
    text = {"lyrics": "rock, guitar, loud", "caption": "", "sources": {"lyrics": Source.TEXT_FILE}}
    assert "caption-as-lyrics" in codes(song(**{**GOOD, **text}))
    assert "caption-as-lyrics" not in codes(song(**{**GOOD, **text, "lyrics": "la\nla\nla la"}))
    assert "caption-as-lyrics" not in codes(song(**{**GOOD, **text, "caption": "A fast rock song"}))


def test_a_few_chinese_characters_say_as_much_as_some_words() -> None:
    assert not codes(song(**{**GOOD, "caption": "抒情民谣，女声"}))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"caption": ""}, "missing-caption"), ({"caption": "", "genre": "rock"}, "missing-caption"),
        ({"caption": "rock"}, "short-caption"), ({"lyrics": ""}, "missing-lyrics"),
        ({"is_instrumental": True}, "unused-lyrics"), ({"lyrics": "a <br> b"}, "lyrics-html"),
        ({"lyrics": "[00:01.00]a"}, "lyric-times"), ({"lyrics": PASTED_TWICE}, "lyrics-twice"),
        ({"lyrics": "\n".join("abcdefghij")}, "no-structure-tags"),
        ({"language": "unknown"}, "missing-language"), ({"lyrics": "愛してる"}, "language-mismatch"),
        ({"bpm": 400}, "bpm-range"), ({"bpm": 12}, "bpm-range"), ({"bpm": None}, "missing-bpm"),
        ({"keyscale": ""}, "missing-key"), ({"timesignature": "7"}, "timesignature-range"),
        ({"prompt_override": "genre"}, "missing-genre"),
        ({"trim_start": 5000.0}, "trim-ignored"), ({"trim_start": 50.0, "trim_end": 40.0}, "trim-ignored"),
        ({"caption": "xyz, a rock song", "custom_tag": "XYZ"}, "tag-twice"),
        ({"caption": "抒情民谣"}, "short-caption"),
        ({"caption": "丹青，民谣，女声，木吉他", "custom_tag": "丹青"}, "tag-twice"),
    ],
)  # fmt: skip
def test_one_thing_wrong_is_one_finding(changes: dict[str, Any], code: str) -> None:
    assert codes(song(**{**GOOD, **changes})) == {code}


@pytest.mark.parametrize(
    ("changes", "code", "severity"),
    [
        ({"duration": 0.5}, "too-short", Severity.ERROR), ({"duration": 601.0}, "too-long", Severity.WARNING),
        ({"channels": 1}, "mono", Severity.INFO), ({"sample_rate": 22_050}, "low-sample-rate", Severity.WARNING),
    ],
)  # fmt: skip
def test_what_the_header_shows(changes: dict[str, Any], code: str, severity: Severity) -> None:
    one = song(**GOOD)
    dataset = Dataset(root=Path("/music"), songs=(replace(one, audio=replace(one.audio, **changes)),))
    (finding,) = check_dataset(dataset)
    assert (finding.code, finding.severity, finding.song) == (code, severity, "a.wav")
    assert finding.message.endswith(".")


def test_what_only_the_whole_shows() -> None:
    assert codes(song("a.wav", **GOOD), song("b.wav", **GOOD)) == {"identical-captions"}
    assert codes(song("a.wav", **GOOD), song("a.mp3", **{**GOOD, "caption": "another sad slow song"})) == {
        "shared-name"
    }
    assert codes(song(**GOOD), genre_ratio=10) == {"missing-genre"}
    assert codes() == {"no-songs"}


def test_copies_are_found_by_content(make_song: MakeSong, root: Path) -> None:
    path = make_song("a.wav")
    (root / "copy.wav").write_bytes(path.read_bytes())
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    (root / "other.wav").write_bytes(changed)
    found = [finding for finding in check_dataset(scan_folder(root)) if finding.code == "duplicate"]
    assert [finding.song for finding in found] == ["copy.wav"]


def test_failures_come_first() -> None:
    dataset = Dataset(
        root=Path("/music"), songs=(song(**{**GOOD, "caption": ""}),), failures=(Failure("z.mp3", "broken"),)
    )
    assert [(one.severity, one.song) for one in check_dataset(dataset)] == [
        (Severity.ERROR, "z.mp3"), (Severity.WARNING, "a.wav"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "metadata", "use_genre", "caption"),
    [
        ({"caption": "rock"}, {}, False, "rock"),
        ({"caption": "rock"}, {"custom_tag": "xyz"}, False, "xyz, rock"),
        ({"caption": "rock"}, {"custom_tag": "xyz", "tag_position": "append"}, False, "rock, xyz"),
        ({"caption": "rock"}, {"custom_tag": "xyz", "tag_position": "replace"}, False, "xyz"),
        ({"caption": "rock"}, {"tag_position": "replace"}, False, "rock"),
        ({}, {"custom_tag": "xyz"}, False, "xyz"),
        ({"caption": "rock", "custom_tag": "own"}, {"custom_tag": "xyz"}, False, "own, rock"),
        ({"caption": "rock", "genre": "punk"}, {}, True, "punk"),
        ({"caption": "rock"}, {}, True, "rock"),
        ({"genre": "punk"}, {}, False, "punk"),
        ({"caption": "rock", "genre": "punk", "prompt_override": "caption"}, {}, True, "rock"),
        ({"caption": "rock", "genre": "punk", "prompt_override": "genre"}, {"custom_tag": "xyz"}, False, "xyz, punk"),
    ],
)
def test_the_caption_that_reaches_the_model(
    fields: dict[str, Any], metadata: dict[str, Any], use_genre: bool, caption: str
) -> None:
    assert effective_caption(song(**fields), DatasetMetadata(**metadata), use_genre=use_genre) == caption


@pytest.mark.parametrize(
    ("fields", "all_instrumental", "lyrics"),
    [
        ({"lyrics": "la"}, False, "la"), ({}, False, "[Instrumental]"), ({"lyrics": "la"}, True, "la"),
        ({"lyrics": "la", "is_instrumental": True}, False, "[Instrumental]"),
        ({"is_instrumental": False}, True, "[Instrumental]"),
    ],
)  # fmt: skip
def test_the_lyrics_that_reach_the_model(fields: dict[str, Any], all_instrumental: bool, lyrics: str) -> None:
    assert effective_lyrics(song(**fields), DatasetMetadata(all_instrumental=all_instrumental)) == lyrics


def test_the_genre_ratio_chooses_that_many_songs_and_keeps_them() -> None:
    songs = tuple(song(f"{number}.wav") for number in range(20))
    dataset = Dataset(root=Path("/music"), songs=songs, metadata=DatasetMetadata(genre_ratio=30))
    chosen = genre_songs(dataset)
    assert len(chosen) == 6
    assert genre_songs(replace(dataset, songs=songs[::-1])) == chosen
