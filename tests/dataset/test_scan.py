"""A folder of songs becomes a data set: what is found, what is read, what wins, what is named."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen.flac import FLAC
from mutagen.id3 import TBPM, TCON, TIT2, TKEY, USLT
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4

from sidestep_tui.dataset.folder import Folder
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.dataset.sidecars import read_sidecars
from sidestep_tui.dataset.song import Dataset, Source
from tests.dataset.conftest import MakeSong, Scan


def codes(dataset: Dataset) -> list[str]:
    return [finding.code for finding in dataset.findings]


def test_the_tutorials_layout(make_song: MakeSong, scan: Scan) -> None:
    make_song("song1.mp3", **{
        ".lyrics.txt": "[Verse 1]\n君を待つ", ".caption.txt": "J-pop with synths",
        ".json": json.dumps({"bpm": 190, "keyscale": "D major", "timesignature": "4", "language": "ja"}),
    })  # fmt: skip
    make_song("song2.wav", **{".txt": "plain words"})
    dataset = scan()
    first, second = dataset.songs
    assert (first.key, first.caption, first.lyrics) == ("song1.mp3", "J-pop with synths", "[Verse 1]\n君を待つ")
    assert (first.bpm, first.keyscale, first.timesignature, first.language) == (190, "D major", "4", "ja")
    assert first.duration == pytest.approx(1.0, abs=0.01)
    assert [first.source(name) for name in ("lyrics", "caption", "bpm", "genre")] == [
        Source.LYRICS_FILE, Source.CAPTION_FILE, Source.JSON, Source.DEFAULT,
    ]  # fmt: skip
    assert (second.lyrics, second.source("lyrics"), second.language) == ("plain words", Source.TEXT_FILE, "unknown")
    assert dataset.failures == ()
    assert dataset.metadata.name == "songs"


def test_precedence_from_strongest_to_weakest(make_song: MakeSong, scan: Scan, root: Path) -> None:
    path = make_song("a.mp3", **{
        ".lyrics.txt": "from lyrics.txt", ".txt": "from txt", ".caption.txt": "from caption.txt",
        ".json": '{"caption": "from json", "lyrics": "from json", "bpm": 100}', ".lrc": "[00:01.00]from lrc",
    })  # fmt: skip
    (root / "table.csv").write_text("File,BPM,Key,Caption\na.mp3,200,A minor,from csv\n")
    tags = MP3(path)
    tags.add_tags()
    tags.tags.add(TBPM(text="90"))
    tags.tags.add(TKEY(text="Cm"))
    tags.tags.add(TCON(text="(17)"))
    tags.tags.add(TIT2(text="Title"))
    tags.save()
    (song,) = scan().songs
    assert (song.lyrics, song.caption, song.bpm) == ("from lyrics.txt", "from caption.txt", 100)
    assert (song.keyscale, song.source("keyscale")) == ("A minor", Source.CSV)
    assert (song.genre, song.source("genre")) == ("Rock", Source.TAGS)
    assert song.lyric_times[0].seconds == 1.0, "times of an LRC file are kept beside plain lyrics"
    assert song.extra["title"] == "Title"


def test_tags_of_every_kind_of_file(make_song: MakeSong, scan: Scan) -> None:
    mp3 = MP3(make_song("a.mp3"))
    mp3.add_tags()
    mp3.tags.add(USLT(lang="eng", text="[00:01.00]sung"))
    mp3.save()
    flac = FLAC(make_song("b.flac"))
    flac.update({"bpm": "128", "INITIALKEY": "8A", "genre": ["house", "techno"]})
    flac.save()
    m4a = MP4(make_song("c.m4a"))
    m4a["tmpo"], m4a["\xa9lyr"] = [95], ["words"]
    m4a["----:com.apple.iTunes:initialkey"] = b"Bbm"
    m4a.save()
    first, second, third = scan().songs
    assert (first.lyrics, first.lyric_times[0].seconds) == ("sung", 1.0)
    assert (second.bpm, second.keyscale, second.genre) == (128, "A minor", "house")
    assert (third.bpm, third.keyscale, third.lyrics) == (95, "Bb minor", "words")


def test_aliases_nulls_and_wrong_types(make_song: MakeSong, scan: Scan) -> None:
    """Trap 11, and bpm "fast"."""
    make_song("a.wav", **{".json": json.dumps({
        "Tempo": "120.5", "musical key": "F#m", "time-signature": "3/4", "description": ["slow", "sad"],
        "instrumental": "yes", "duration": None, "genre": None, "my_tool": {"x": 1},
    })})  # fmt: skip
    make_song("b.wav", **{".json": '{"bpm": "fast", "keyscale": {"a": 1}, "caption": 5, "is_instrumental": "maybe"}'})
    dataset = scan()
    first, second = dataset.songs
    assert (first.bpm, first.keyscale, first.timesignature) == (121, "F# minor", "3")
    assert (first.caption, first.is_instrumental, first.genre) == ("slow, sad", True, "")
    assert first.duration == 1.0, "the length comes from the audio"
    assert first.extra == {"my_tool": {"x": 1}, "duration": None}
    assert (second.bpm, second.keyscale, second.caption, second.is_instrumental) == (None, "", "", None)
    assert second.extra["bpm"] == "fast", "nothing is lost"
    assert codes(dataset) == ["unreadable-value"] * 4
    assert all(finding.song == "b.wav" for finding in dataset.findings)


def test_one_field_under_two_names(make_song: MakeSong, scan: Scan) -> None:
    make_song("a.wav", **{".json": '{"tempo": 90, "bpm": 120, "key": "C major", "keyscale": "C"}'})
    dataset = scan()
    assert (dataset.songs[0].bpm, dataset.songs[0].keyscale) == (120, "C major")
    assert codes(dataset) == ["two-values"]


@pytest.mark.parametrize("broken", ["{", "[1, 2]", "nul", "", '{"bpm": 1' + "0" * 5000 + "}", "[" * 100_000])
def test_broken_json_is_named_and_the_rest_goes_on(make_song: MakeSong, scan: Scan, broken: str) -> None:
    make_song("a.wav", **{".json": broken, ".caption.txt": "still here"})
    dataset = scan()
    assert dataset.songs[0].caption == "still here"
    assert dataset.findings[0].code in {"unreadable-sidecar", "unreadable-value"}
    assert dataset.findings[0].song == "a.wav"


def test_instrumental_placeholder_and_lyrics_that_overrule_it(make_song: MakeSong, scan: Scan) -> None:
    make_song("a.wav", **{".lyrics.txt": "[instrumental]\n"})
    make_song("b.wav", **{".lyrics.txt": "words", ".json": '{"is_instrumental": true}'})
    make_song("c.wav", **{".json": '{"is_instrumental": true, "lyrics": "words"}'})
    first, second, third = scan().songs
    assert (first.lyrics, first.is_instrumental) == ("", True)
    assert (second.lyrics, second.is_instrumental) == ("words", None)
    assert (third.lyrics, third.is_instrumental) == ("words", True)


def test_other_encodings_are_read_and_named(make_song: MakeSong, scan: Scan) -> None:
    words = "夜の街を歩いて 君の名前を呼ぶ\nいつかまた会えると信じて\n星空の下で手を伸ばす\n走り出せ 未来へと\n"
    make_song("a.wav", **{".lyrics.txt": words.encode("utf-16")})
    make_song("b.wav", **{".lyrics.txt": words.encode("shift_jis")})
    make_song("c.wav", **{".caption.txt": b"\xef\xbb\xbfa caption", ".json": b'\xef\xbb\xbf{"bpm": 90}'})
    dataset = scan()
    assert [song.lyrics for song in dataset.songs[:2]] == [words.strip()] * 2
    assert (dataset.songs[2].caption, dataset.songs[2].bpm) == ("a caption", 90)
    assert [(one.code, one.song) for one in dataset.findings] == [("guessed-encoding", "b.wav")]


def test_a_text_file_of_the_size_of_a_film_is_named(make_song: MakeSong, root: Path, scan: Scan) -> None:
    make_song("a.wav")
    with (root / "a.txt").open("wb") as file:
        file.truncate(1_000_000_000)
    assert [finding.code for finding in scan().findings] == ["unreadable-sidecar"]


def test_progress_ends_at_the_number_of_files(make_song: MakeSong, root: Path) -> None:
    make_song("a.wav")
    make_song("b.wav")
    seen: list[tuple[int, int]] = []
    scan_folder(root, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 2)
    assert seen[-1] == (2, 2)


JSON_LIKE = st.text(alphabet='{}[]",:0123456789abpmnullé\n \\u', max_size=200).map(str.encode)


JSON_LIKE = st.text(alphabet='{}[]",:0123456789abpmnullé\n \\u', max_size=200).map(str.encode)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(content=st.binary(max_size=300) | JSON_LIKE)
def test_any_sidecar_is_read_or_named(tmp_path: Path, content: bytes) -> None:
    suffixes = (".lyrics.txt", ".txt", ".caption.txt", ".lrc", ".json")
    for suffix in suffixes:
        (tmp_path / f"a{suffix}").write_bytes(content)
    folder = Folder(tmp_path, "", ("a.wav",), {f"a{suffix}": f"a{suffix}" for suffix in suffixes})
    said, times = read_sidecars(folder, "a.wav", "a.wav")
    assert set(times) <= set(said)
    assert all(isinstance(reading.values.get("lyrics", ""), str) for reading in said.values())


def test_several_captions_become_paragraphs(make_song: MakeSong, root: Path) -> None:
    listed = {"captions": ["slow folk, violin", "A sad song.\n\nA woman sings.", "slow folk, violin"]}
    make_song("a.wav", **{".json": json.dumps({"caption": "warm", **listed})})
    make_song("b.wav", **{".json": json.dumps({"Captions": "alone"})})
    make_song("c.wav", **{".json": json.dumps({"captions": [1, 2], "caption": "kept"})})
    a, b, c = scan_folder(root).songs
    assert a.caption == "warm\n\nslow folk, violin\n\nA sad song.\nA woman sings."
    assert (b.caption, c.caption) == ("alone", "kept")
    assert c.extra == {"captions": [1, 2]}
