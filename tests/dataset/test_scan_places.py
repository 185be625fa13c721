"""Where a scan looks and what it passes over: hidden folders, strange names, links, the unreadable, and its cache."""

import json
import os
from pathlib import Path

import av
import pytest

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.errors import SidestepError
from tests.dataset.conftest import MakeSong, Scan, tone


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
    (root / "a.wav").unlink()
    with pytest.raises(SidestepError, match="not valid UTF-8") as told:  # an old collection: songs there are
        scan()
    assert told.value.fix == "rename it"


def test_links_in_circles_end(make_song: MakeSong, root: Path, scan: Scan) -> None:
    (root / "inner").mkdir()
    make_song("inner/a.wav")
    (root / "inner" / "loop").symlink_to(root)
    (root / "again").symlink_to(root / "inner")
    (root / "dangling.wav").symlink_to(root / "nothing.wav")
    for name in ("itself", "itself.wav"):
        (root / name).symlink_to(root / name)
    dataset = scan()
    assert [song.key for song in dataset.songs] == ["inner/a.wav"]
    assert [failure.key for failure in dataset.failures] == ["dangling.wav", "itself.wav"]


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
    make_song: MakeSong, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_song("a.wav")
    changing = make_song("b.wav")
    calls: list[str] = []
    monkeypatch.setattr("sidestep_tui.dataset.probe.read_tags", lambda path: calls.append(path.name) or {})
    first = scan_folder(root)
    assert sorted(calls) == ["a.wav", "b.wav"]
    assert scan_folder(root) == first
    assert len(calls) == 2
    write_audio(changing, tone(2.0), 8_000)
    assert scan_folder(root).songs[1].duration == 2.0
    assert calls[2:] == ["b.wav"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1, "files": {"x": 3}}', b"\xff" * 50])
def test_a_broken_cache_is_ignored(make_song: MakeSong, root: Path, sidestep_home: Path, content: bytes) -> None:
    path = make_song("a.wav")
    first = scan_folder(root)
    (file,) = (sidestep_home / "cache" / "probes").iterdir()
    file.write_bytes(content.replace(b'"x"', json.dumps(str(path)).encode()))
    assert scan_folder(root) == first


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


def test_a_link_to_nothing_is_called_that(make_song: MakeSong, scan: Scan, root: Path) -> None:
    make_song("a.wav")
    (root / "b.wav").symlink_to(root / "unmounted" / "b.wav")
    assert [(one.key, one.reason) for one in scan().failures] == [("b.wav", "it is a link to a file that is not there")]


def test_sound_in_matroska_is_a_song(make_song: MakeSong, scan: Scan, root: Path) -> None:
    source = make_song("a.opus")
    with av.open(str(source)) as given, av.open(str(root / "b.mka"), "w") as written:
        stream = written.add_stream_from_template(given.streams.audio[0])
        for packet in given.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    assert [(one.key, one.audio.codec) for one in scan().songs] == [("a.opus", "opus"), ("b.mka", "opus")]
