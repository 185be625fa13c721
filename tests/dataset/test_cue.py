"""Albums in one file, and files with sound that are not taken as songs, are named."""

from pathlib import Path

import pytest

from tests.dataset.conftest import MakeSong, Scan

SHEET = """PERFORMER "Somebody"\r
FILE "album.wav" WAVE\r
  TRACK 01 AUDIO\r
    INDEX 01 00:00:00\r
  TRACK 02 AUDIO\r
    INDEX 01 03:00:00\r
"""


def test_an_album_with_a_cue_sheet_is_named_also_after_it_was_compressed(
    make_song: MakeSong, scan: Scan, root: Path
) -> None:
    make_song("first/album.flac")
    (root / "first" / "disc 1.cue").write_text(SHEET)
    (finding,) = scan().findings
    assert (finding.code, finding.song) == ("album-in-one-file", "first/album.flac")
    assert finding.message == "disc 1.cue says that it holds 2 tracks; the model would learn them as one song."


def test_a_sheet_over_one_file_for_each_track_says_nothing(make_song: MakeSong, scan: Scan, root: Path) -> None:
    make_song("one.wav")
    make_song("two.wav")
    (root / "album.cue").write_text("FILE one.wav WAVE\n  TRACK 01 AUDIO\nFILE two.wav WAVE\n  TRACK 02 AUDIO\n")
    assert scan().findings == ()


@pytest.mark.parametrize("content", [b"", b"\xff\x00TRACK 01", b'TRACK 1\nTRACK 2\nFILE "'])
def test_a_broken_sheet_breaks_nothing(make_song: MakeSong, scan: Scan, root: Path, content: bytes) -> None:
    make_song("a.wav")
    (root / "a.cue").write_bytes(content)
    assert len(scan().songs) == 1


def test_a_film_is_not_left_out_in_silence(make_song: MakeSong, scan: Scan, root: Path) -> None:
    make_song("a.wav")
    (root / "Clip.MP4").write_bytes(b"film")
    (root / "cover.jpg").write_bytes(b"picture")
    assert [(one.code, one.message) for one in scan().findings] == [
        ("other-kind", "Clip.MP4 is not taken as a song: mp4 files are not read.")
    ]
