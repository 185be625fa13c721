"""The saved data set: read in three forms, found again after a move, written for ACE-Step's builder, nothing lost."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidestep_tui.dataset.acestep_json import changed_since_read, read_dataset_file, save_dataset
from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.dataset.session import open_session
from sidestep_tui.dataset.song import Dataset, LyricTime, Source
from sidestep_tui.errors import SidestepError
from tests.dataset.conftest import MakeSong, tone

Write = Callable[[Any], Path]

# What ACE-Step 1.5's `AudioSample` and `DatasetMetadata` hold, and the types that its code relies on.
SAMPLE_TYPES: dict[str, Any] = {
    "id": str, "audio_path": str, "filename": str, "caption": str, "genre": str, "lyrics": str, "raw_lyrics": str,
    "formatted_lyrics": str, "bpm": int | None, "keyscale": str, "timesignature": str, "duration": int,
    "language": str, "is_instrumental": bool, "custom_tag": str, "labeled": bool, "prompt_override": str | None,
}  # fmt: skip
METADATA_TYPES: dict[str, Any] = {
    "name": str, "custom_tag": str, "tag_position": str, "created_at": str, "num_samples": int,
    "all_instrumental": bool, "genre_ratio": int,
}  # fmt: skip


@pytest.fixture
def write(root: Path) -> Write:
    """Writes a document beside the songs."""

    def write_document(document: Any, name: str = "dataset.json") -> Path:
        path = root / name
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    return write_document


SAMPLE = {"caption": "a song", "bpm": "120", "lyrics": "words", "language": "en"}


@pytest.mark.parametrize(
    "document",
    [
        {"metadata": {"name": "set", "custom_tag": "tag"}, "samples": [{"audio_path": "a.wav", **SAMPLE}]},
        [{"audio_path": "./a.wav", **SAMPLE}],
        [{"filename": "a.wav", **SAMPLE}],
        {"a.wav": SAMPLE},
        {"metadata": {}, "data": {"a.wav": SAMPLE}},
        {"data": [{"audio_path": "/gone/for/good/a.wav", **SAMPLE}]},
        {"samples": [{"audio_path": "datasets\\mine\\a.wav", **SAMPLE}]},
        {"samples": {"a.wav": SAMPLE}},
    ],
)
def test_all_forms(make_song: MakeSong, write: Write, document: Any) -> None:
    make_song("a.wav")
    dataset = read_dataset_file(write(document))
    (song,) = dataset.songs
    assert (song.key, song.caption, song.bpm, song.lyrics, song.language) == ("a.wav", "a song", 120, "words", "en")
    assert song.duration == 1.0
    assert song.source("bpm") == Source.DATASET
    assert dataset.failures == ()


@pytest.mark.parametrize(
    "document", [3, "x", None, {}, {"caption": "one song"}, {"samples": 5}, {"samples": [5]}, {"samples": ["a/x.pt"]}]
)
def test_what_is_no_data_set_is_refused(write: Write, document: Any) -> None:
    with pytest.raises(SidestepError, match="no data set"):
        read_dataset_file(write(document))


def full_dataset(make_song: MakeSong, root: Path) -> Dataset:
    (root / "CD 1").mkdir()
    make_song("CD 1/[ä] 日本.wav", **{
        ".lrc": "[00:00.50]君を\n[00:00.70]待つ", ".caption.txt": "J-pop",
        ".json": '{"bpm": 120, "keyscale": "F#m", "my_tool": [1, {"a": null}], "half": "\\ud800", "repeat": 2}',
    })  # fmt: skip
    make_song("b.wav")
    make_song("c.wav", **{".json": '{"bpm": "fast", "is_instrumental": true, "lyrics": "hidden", "genre": "rock"}'})
    dataset = scan_folder(root)
    metadata = replace(
        dataset.metadata, custom_tag="xyz", tag_position="append", genre_ratio=30, extra={"made by": "us"}
    )
    return replace(dataset, metadata=metadata, extra={"version": 7})


def test_round_trip_keeps_everything(make_song: MakeSong, root: Path) -> None:
    dataset = full_dataset(make_song, root)
    saved = save_dataset(dataset, root / "dataset.json")
    again = read_dataset_file(root / "dataset.json")
    assert [song.key for song in again.songs] == [song.key for song in dataset.songs]
    for before, after in zip(dataset.songs, again.songs, strict=True):
        assert {**after.extra, **before.extra, "id": after.extra["id"]} == after.extra
        assert replace(after, extra=before.extra) == before
    assert again.metadata == saved.metadata
    assert again.extra == {"version": 7}
    assert again.songs[0].lyric_times == (LyricTime(0.5, "君を"), LyricTime(0.7, "待つ"))
    assert [one.code for one in again.findings] == ["unreadable-value"], "the tempo is still there, and unreadable"
    save_dataset(again, root / "dataset.json")
    first, second = (json.loads((root / name).read_text()) for name in ("dataset.json", "dataset.json.bak"))
    assert first == second, "saving what was read changes nothing"


def test_the_written_form_is_what_acesteps_builder_reads(make_song: MakeSong, root: Path) -> None:
    save_dataset(full_dataset(make_song, root), root / "out" / "set.json")
    document = json.loads((root / "out" / "set.json").read_text())
    first, second, third = document["samples"]
    for sample in (first, second):
        for name, kind in SAMPLE_TYPES.items():
            assert isinstance(sample[name], kind), name
        assert Path(sample["audio_path"]).is_absolute()
        assert sample["custom_tag"] == "xyz"
    for name, kind in METADATA_TYPES.items():
        assert isinstance(document["metadata"][name], kind), name
    assert document["metadata"]["num_samples"] == 3
    assert (first["lyrics"], first["raw_lyrics"], first["labeled"]) == ("君を\n待つ", "君を\n待つ", True)
    assert (second["lyrics"], second["is_instrumental"], second["labeled"]) == ("[Instrumental]", True, False)
    assert (third["lyrics"], third["raw_lyrics"]) == ("[Instrumental]", "hidden")


def test_members_of_other_tools_and_acesteps_own_survive(make_song: MakeSong, write: Write) -> None:
    make_song("a.wav")
    sample = {"audio_path": "a.wav", "id": "ab12cd34", "lyrics": "formatted", "raw_lyrics": "raw", "formatted_lyrics":
              "formatted", "labeled": True, "prompt_override": "genre", "vendor": {"x": [1]}, "tempo": 99}  # fmt: skip
    path = write({"metadata": {"theirs": 1}, "samples": [sample], "schema": "v2"})
    save_dataset(read_dataset_file(path), path)
    document = json.loads(path.read_text())
    (written,) = document["samples"]
    assert {name: written[name] for name in ("id", "lyrics", "raw_lyrics", "formatted_lyrics", "vendor", "bpm")} == {
        "id": "ab12cd34", "lyrics": "formatted", "raw_lyrics": "raw", "formatted_lyrics": "formatted",
        "vendor": {"x": [1]}, "bpm": 99,
    }  # fmt: skip
    assert written["prompt_override"] == "genre"
    assert (document["metadata"]["theirs"], document["schema"]) == (1, "v2")


def test_a_member_that_is_no_list_does_not_take_the_samples_place(make_song: MakeSong, write: Write) -> None:
    make_song("a.wav")
    file = write({"samples": "none yet", "data": ["a.wav"]})
    save_dataset(read_dataset_file(file), file)
    assert [song.key for song in read_dataset_file(file).songs] == ["a.wav"]


def test_songs_whose_audio_is_gone_are_named_and_kept(make_song: MakeSong, write: Write) -> None:
    make_song("a.wav")
    gone = {"audio_path": "gone.wav", "caption": "precious"}
    path = write({"samples": [{"audio_path": "a.wav"}, gone, {"audio_path": "a.wav", "caption": "twice"}]})
    dataset = read_dataset_file(path)
    assert [failure.key for failure in dataset.failures] == ["gone.wav", "a.wav"]
    save_dataset(dataset, path)
    samples = json.loads(path.read_text())["samples"]
    assert gone in samples
    assert len(samples) == 3


def test_the_folder_can_move(make_song: MakeSong, root: Path, tmp_path: Path) -> None:
    """Trap 24."""
    (root / "sub").mkdir()
    make_song("sub/a.wav")
    save_dataset(scan_folder(root), root / "saved" / "dataset.json")
    moved = tmp_path / "elsewhere"
    root.rename(moved)
    dataset = read_dataset_file(moved / "saved" / "dataset.json")
    assert [song.key for song in dataset.songs] == ["sub/a.wav"]
    assert dataset.root == moved
    assert dataset.songs[0].audio_path == moved / "sub" / "a.wav"


def test_the_moved_copy_wins_over_the_original(make_song: MakeSong, root: Path, tmp_path: Path) -> None:
    make_song("a.wav")
    save_dataset(scan_folder(root), root)
    copy = tmp_path / "copy"
    copy.mkdir()
    write_audio(copy / "a.wav", tone(2.0), 8_000)
    (copy / "dataset.json").write_bytes((root / "dataset.json").read_bytes())
    assert read_dataset_file(copy / "dataset.json").songs[0].duration == 2.0


def test_saving_keeps_one_backup_and_refuses_to_overwrite_another_session(make_song: MakeSong, root: Path) -> None:
    make_song("a.wav")
    path = root / "dataset.json"
    mine = save_dataset(scan_folder(root), path)
    theirs = read_dataset_file(path)
    save_dataset(replace(theirs, metadata=replace(theirs.metadata, name="theirs")), path)
    assert changed_since_read(mine)
    with pytest.raises(SidestepError, match="another session"):
        save_dataset(mine, path)
    with pytest.raises(SidestepError, match="not read from it"):
        save_dataset(scan_folder(root), path)
    assert json.loads(path.read_text())["metadata"]["name"] == "theirs"
    saved = save_dataset(mine, path, overwrite=True)
    assert not changed_since_read(saved)
    assert json.loads((root / "dataset.json.bak").read_text())["metadata"]["name"] == "theirs"
    assert sorted(one.name for one in root.iterdir()) == ["a.wav", "dataset.json", "dataset.json.bak"]


def test_an_edited_tag_that_repeats_the_data_sets_is_inherited(make_song: MakeSong, write: Write) -> None:
    make_song("a.wav")
    samples = [{"audio_path": "a.wav", "custom_tag": "xyz"}]
    dataset = read_dataset_file(write({"metadata": {"custom_tag": "xyz", "genre_ratio": "many"}, "samples": samples}))
    assert dataset.songs[0].custom_tag == ""
    assert dataset.metadata.genre_ratio == 0
    assert [one.code for one in dataset.findings] == ["unreadable-value"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["samples", "data", "metadata", "audio_path", "path", "bpm", "lyrics", "sources", "lyric_times",
                         "custom_tag", "root", "tag_position", "repeat", "a.wav"]),
        inner | st.just("a.wav"), max_size=4),
    max_leaves=15,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(document=JSON_VALUES)
def test_any_document_is_read_or_refused_and_what_is_read_can_be_saved(tmp_path: Path, document: Any) -> None:
    if not (tmp_path / "a.wav").exists():
        write_audio(tmp_path / "a.wav", tone(), 8_000)
    path = tmp_path / "d.json"
    path.write_text(json.dumps(document))
    try:
        dataset = read_dataset_file(path)
    except SidestepError as error:
        refusal = str(error)
    else:
        save_dataset(dataset, path)
        again = read_dataset_file(path)
        assert [song.key for song in again.songs] == [song.key for song in dataset.songs]
        refusal = ""
    assert "Traceback" not in refusal


def test_several_captions_survive_and_follow_an_edit(make_song: MakeSong, root: Path, write: Write) -> None:
    make_song("a.wav")
    file = write([{"audio_path": "a.wav", "caption": "one", "captions": ["one", "two"]}])
    session = open_session(file)
    assert session.dataset.songs[0].caption == "one\n\ntwo"
    session.save()
    assert json.loads(file.read_text())["samples"][0]["captions"] == ["one", "two"]
    session = open_session(file)
    session.edit(["a.wav"], {"caption": "three"})
    session.save()
    assert "captions" not in json.loads(file.read_text())["samples"][0]
    assert read_dataset_file(file).songs[0].caption == "three"
