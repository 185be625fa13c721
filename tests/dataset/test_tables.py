"""Tables of tempo and key: forms, matching, merging."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidestep_tui.dataset.tables import match_tables, read_table
from tests.dataset.conftest import MakeSong, Scan

KEY_BPM_FINDER = "File,Artist,Title,BPM,Key,Camelot\nsong1.wav,,,190,D major,10B\nsong2.wav,,,128,A minor,8A\n"


def test_a_key_bpm_finder_export(make_song: MakeSong, root: Path, scan: Scan) -> None:
    make_song("song1.wav")
    make_song("song2.wav")
    (root / "export.csv").write_text(KEY_BPM_FINDER)
    dataset = scan()
    assert [(song.bpm, song.keyscale) for song in dataset.songs] == [(190, "D major"), (128, "A minor")]
    assert dataset.findings == ()


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbfFile;BPM;Key\r\n"a.wav";"120";"C major"\r\n',
        "File\tTempo\tMusical Key\na.wav\t120\tC maj\n".encode("utf-16"),
        b"\n\nBPM,Camelot,filename\n120,8B,a.wav\n",
        b'file,bpm,key,caption\n"C:\\music\\a.wav",120,C major,"one, ""two""\nthree"\n',
        b"FILE,BPM,KEY\nA,120,C major,more,cells\n",
        b"File Name,Tempo (BPM),Key result\na.wav,120.0,C\n",
    ],
)
def test_forms_of_tables(make_song: MakeSong, root: Path, scan: Scan, content: bytes) -> None:
    make_song("a.wav")
    (root / "t.csv").write_bytes(content)
    (song,) = scan().songs
    assert (song.bpm, song.keyscale) == (120, "C major")


def test_other_encodings(make_song: MakeSong, root: Path, scan: Scan) -> None:
    make_song("Grün ist schön.wav")
    rows = "File,BPM,Caption\nGrün ist schön.wav,100,für die Mädchen über den Dächern\n"
    (root / "t.csv").write_bytes(rows.encode("cp1252"))
    dataset = scan()
    assert dataset.songs[0].bpm == 100
    assert [one.code for one in dataset.findings] == ["guessed-encoding"]


def test_names_match_across_unicode_forms_and_endings(make_song: MakeSong, root: Path, scan: Scan) -> None:
    make_song("Cafe\u0301.flac")
    (root / "t.csv").write_text("File,BPM\nCAFÉ.wav,99\n")
    assert scan().songs[0].bpm == 99


def test_the_same_name_in_two_folders_is_two_songs(make_song: MakeSong, root: Path, scan: Scan) -> None:
    for folder in ("one", "two"):
        (root / folder).mkdir()
        make_song(f"{folder}/a.wav")
    (root / "t.csv").write_text("File,BPM\na.wav,100\none/a.wav,110\n")
    dataset = scan()
    assert [(song.key, song.bpm) for song in dataset.songs] == [("one/a.wav", 110), ("two/a.wav", None)]
    assert [finding.code for finding in dataset.findings] == ["row-ambiguous"]
    (root / "two" / "t.csv").write_text("File,BPM\na.wav,120\n")
    assert scan().songs[1].bpm == 120


def test_several_tables_merge_and_the_nearer_wins(make_song: MakeSong, root: Path, scan: Scan) -> None:
    (root / "in").mkdir()
    make_song("in/a.wav")
    (root / "1.csv").write_text("File,BPM,Key\na.wav,100,C major\n")
    (root / "2.csv").write_text("File,BPM,Caption\na.wav,101,from the second\n")
    (root / "in" / "3.csv").write_text("File,BPM\na.wav,102\n")
    (song,) = scan().songs
    assert (song.bpm, song.keyscale, song.caption) == (102, "C major", "from the second")


def test_rows_without_a_song_and_values_that_mean_nothing_are_named(
    make_song: MakeSong, root: Path, scan: Scan
) -> None:
    make_song("a.wav")
    (root / "t.csv").write_text("File,BPM,Key\na.wav,fast,\ngone.wav,100,C\n")
    (root / "other.csv").write_text("date,amount\n2020,5\n")
    dataset = scan()
    assert dataset.songs[0].bpm is None
    assert sorted(one.code for one in dataset.findings) == ["row-without-song", "unreadable-table", "unreadable-value"]


ROWS = st.text(alphabet='File,BPM;"\n\r\ta.wv0123\0', max_size=200).map(lambda rows: f"File,BPM\n{rows}".encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(content=st.binary(max_size=300) | ROWS)
def test_any_table_is_read_or_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(content)
    readings, findings = match_tables([read_table(file, "")], ["a.wav", "sub/a.wav"])
    assert set(readings) <= {"a.wav", "sub/a.wav"}
    assert all(finding.code for finding in findings)


def test_json_lines_are_a_table_as_well(make_song: MakeSong, scan: Scan, root: Path) -> None:
    make_song("a.wav")
    (root / "metadata.jsonl").write_text(
        '\ufeff{"file_name": "a.wav", "caption": "calm\\npiano", "bpm": 99, "key": null}\n\n'
        '{"file_name": "gone.wav"}\n',
        encoding="utf-8",
    )
    dataset = scan()
    assert (dataset.songs[0].caption, dataset.songs[0].bpm) == ("calm\npiano", 99)
    assert [one.message for one in dataset.findings] == [
        "row 3 of metadata.jsonl names gone.wav, and there is no such song."
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"file_name": "a.wav", "bpm": 99}\n{"file_name"', "its line 2 is not valid JSON"),
        ('{"prompt": "slow piano"}\n[1]\n', "none of its lines names a file"),
    ],
)
def test_json_lines_that_are_no_table_are_named(
    make_song: MakeSong, scan: Scan, root: Path, text: str, reason: str
) -> None:
    make_song("a.wav")
    (root / "metadata.jsonl").write_text(text)
    (finding,) = scan().findings
    assert finding.code == "unreadable-table"
    assert reason in finding.message
