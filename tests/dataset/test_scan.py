"""A folder of songs becomes a data set: what is found, what is read, what wins, what is named."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen.flac import FLAC
from mutagen.id3 import TBPM, TCON, TIT2, TKEY, USLT
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.folder import Folder
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.dataset.sidecars import read_sidecars
from sidestep_tui.dataset.song import Dataset, Source
from sidestep_tui.errors import SidestepError
from tests.dataset.conftest import MakeSong, Scan, tone


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


def test_hidden_and_environment_folders_and_unfinished_files_are_left_out(
    make_song: MakeSong, root: Path, scan: Scan
) -> None:
    """Traps 25 and 32."""
    for folder in (".venv/lib", "node_modules/x", "__pycache__", ".git", "env/lib", "CD 1"):
        (root / folder).mkdir(parents=True)
        make_song(f"{folder}/song.wav")
    (root / "env/pyvenv.cfg").touch()
    make_song("song.wav")
    (root / "._song.wav").write_bytes(b"resource fork")
    (root / "song.wav.tmp").write_bytes(b"half")
    assert [song.key for song in scan().songs] == ["CD 1/song.wav", "song.wav"]


def test_an_absolute_path_anywhere_and_below_a_hidden_folder_works(tmp_path: Path) -> None:
    """Trap 33."""
    folder = tmp_path / ".hidden" / "deep"
    folder.mkdir(parents=True)
    write_audio(folder / "a.wav", tone(), 8_000)
    assert [song.key for song in scan_folder(folder).songs] == ["a.wav"]


STRANGE_NAMES = ["[bold]x[/bold].wav", "emoji 🎸🇯🇵.wav", "שיר עברי.wav", "new\nline.wav", "esc\x1b[31mred.wav",
                 "é composed.wav", "e\u0301 decomposed.wav", "quote\"'.wav", " spaces .wav", "UPPER.WAV"]  # fmt: skip


@pytest.mark.parametrize("name", STRANGE_NAMES)
def test_strange_names_keep_their_sidecars(make_song: MakeSong, scan: Scan, name: str) -> None:
    """Trap 34."""
    make_song(name, **{".caption.txt": "found"})
    (song,) = scan().songs
    assert (song.key, song.caption) == (name, "found")


def test_names_that_are_not_unicode_are_named(make_song: MakeSong, root: Path, scan: Scan) -> None:
    make_song("a.wav")
    make_song("b.wav").rename(root / os.fsdecode(b"\xff\xfe.wav"))
    dataset = scan()
    assert [song.key for song in dataset.songs] == ["a.wav"]
    assert "not valid UTF-8" in dataset.failures[0].reason


def test_links_in_circles_end(make_song: MakeSong, root: Path, scan: Scan) -> None:
    (root / "inner").mkdir()
    make_song("inner/a.wav")
    (root / "inner" / "loop").symlink_to(root)
    (root / "again").symlink_to(root / "inner")
    (root / "dangling.wav").symlink_to(root / "nothing.wav")
    dataset = scan()
    assert [song.key for song in dataset.songs] == ["inner/a.wav"]
    assert [failure.key for failure in dataset.failures] == ["dangling.wav"]


def test_a_folder_that_cannot_be_listed_is_named(
    make_song: MakeSong, root: Path, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_song("a.wav")
    (root / "closed").mkdir()
    list_folder = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return list_folder(path)

    monkeypatch.setattr(os, "scandir", refuse)
    dataset = scan()
    assert [(one.key, one.reason) for one in dataset.failures] == [
        ("closed", "the folder cannot be read (Permission denied)")
    ]
    assert len(dataset.songs) == 1


def test_audio_that_cannot_be_read_is_named_and_the_rest_goes_on(make_song: MakeSong, root: Path, scan: Scan) -> None:
    make_song("good.wav")
    (root / "empty.mp3").touch()
    (root / "text.mp3").write_text("not audio")
    write_audio(root / "zero.wav", tone(0), 8_000)
    dataset = scan()
    assert [song.key for song in dataset.songs] == ["good.wav"]
    assert [failure.key for failure in dataset.failures] == ["empty.mp3", "text.mp3", "zero.wav"]
    assert all(failure.reason and failure.fix for failure in dataset.failures)


def test_missing_and_empty_folders_are_errors(root: Path, tmp_path: Path) -> None:
    with pytest.raises(SidestepError, match="no audio files"):
        scan_folder(root)
    with pytest.raises(SidestepError, match="does not exist"):
        scan_folder(tmp_path / "nothing")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SidestepError, match="not a folder"):
        scan_folder(file)


def test_the_second_scan_reads_no_audio_until_a_file_changes(
    make_song: MakeSong, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_song("a.wav")
    changing = make_song("b.wav")
    calls: list[str] = []
    monkeypatch.setattr("sidestep_tui.dataset.probe.read_tags", lambda path: calls.append(path.name) or {})
    cache = tmp_path / "cache"
    first = scan_folder(root, cache_dir=cache)
    assert sorted(calls) == ["a.wav", "b.wav"]
    assert scan_folder(root, cache_dir=cache) == first
    assert len(calls) == 2
    write_audio(changing, tone(2.0), 8_000)
    assert scan_folder(root, cache_dir=cache).songs[1].duration == 2.0
    assert calls[2:] == ["b.wav"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1, "files": {"x": 3}}', b"\xff" * 50])
def test_a_broken_cache_is_ignored(make_song: MakeSong, root: Path, tmp_path: Path, content: bytes) -> None:
    path = make_song("a.wav")
    cache = tmp_path / "cache"
    first = scan_folder(root, cache_dir=cache)
    (file,) = cache.iterdir()
    file.write_bytes(content.replace(b'"x"', json.dumps(str(path)).encode()))
    assert scan_folder(root, cache_dir=cache) == first


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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named(make_song: MakeSong, root: Path, scan: Scan) -> None:
    for folder in ("open", "closed"):
        (root / folder).mkdir()
        make_song(f"{folder}/a.wav")
    make_song("open/b.wav").chmod(0)
    (root / "closed").chmod(0)
    try:
        dataset = scan()
        assert [song.key for song in dataset.songs] == ["open/a.wav"]
        assert {(failure.key, failure.fix is not None) for failure in dataset.failures} == {
            ("closed", True),
            ("open/b.wav", True),
        }
    finally:
        (root / "closed").chmod(0o700)
