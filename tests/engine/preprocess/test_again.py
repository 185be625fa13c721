"""Preprocessing a folder again: only what changed is encoded, what is gone leaves, what was interrupted goes on."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sidestep_tui.dataset.session import open_session
from sidestep_tui.engine.data.lock import writing_to
from sidestep_tui.engine.data.manifest import read_manifest
from sidestep_tui.engine.data.tensors import read_all, read_shared
from sidestep_tui.engine.preprocess import audio as preprocess_audio
from sidestep_tui.runs.control import send_command
from sidestep_tui.runs.directory import RunDirectory
from tests.engine.preprocess.conftest import RATE, write_song


def test_unchanged_songs_are_not_encoded_again(
    engine: Any, document: dict[str, Any], folder: Path, tmp_path: Path, encoded: list[int]
) -> None:
    _, state = engine.run("first", "preprocess", document)
    assert state.results["encoded"] == len(encoded) == 3
    before = read_manifest(tmp_path / "tensors")
    _, state = engine.run("again", "preprocess", document)
    assert (state.results["encoded"], len(encoded)) == (0, 3)
    assert read_manifest(tmp_path / "tensors") == before


def test_tensors_of_a_saved_data_set_do_not_lose_its_edits_to_a_scan_of_the_folder(
    engine: Any, document: dict[str, Any], folder: Path, tmp_path: Path, encoded: list[int]
) -> None:
    session = open_session(folder)
    session.edit(["song 1.flac"], {"caption": "corrected"})
    session.save()
    engine.run("saved", "preprocess", document | {"dataset": str(folder / "dataset.json")})
    before = read_manifest(tmp_path / "tensors")
    code, state = engine.work(engine.create("scanned", "preprocess", document))
    assert code == 1
    assert state.failure is not None
    assert "made from dataset.json" in state.failure.what
    assert str(folder / "dataset.json") in state.failure.fix
    assert read_manifest(tmp_path / "tensors") == before
    _, state = engine.run("elsewhere", "preprocess", document | {"output": str(tmp_path / "plain")})
    assert state.results["encoded"] == 3


def test_a_folder_that_another_run_fills_is_left_alone(
    engine: Any, document: dict[str, Any], tmp_path: Path, encoded: list[int]
) -> None:
    with writing_to(tmp_path / "tensors"):
        code, state = engine.work(engine.create("second", "preprocess", document))
        assert (code, encoded) == (1, [])
        assert state.failure is not None
        assert "Another run" in state.failure.what
    engine.run("then", "preprocess", document)
    assert len(encoded) == 3


@pytest.mark.parametrize(("file", "encoded_again"), [("manifest.json", 3), ("shared.safetensors", 0)])
def test_what_is_damaged_is_made_again_as_its_error_says(
    engine: Any, document: dict[str, Any], folder: Path, tmp_path: Path, file: str, encoded_again: int
) -> None:
    """Training said to preprocess again, and preprocessing fell over the same file, or left it as it was."""
    engine.run("first", "preprocess", document)
    output = tmp_path / "tensors"
    damaged = output / file
    damaged.write_bytes(damaged.read_bytes()[:40])
    _, state = engine.run("again", "preprocess", document)
    assert state.results["encoded"] == encoded_again
    assert len(read_manifest(output).songs) == 3
    assert read_shared(output)["silence_latent"].shape[1] == 64


def test_new_texts_need_no_vae(
    engine: Any, document: dict[str, Any], folder: Path, tmp_path: Path, encoded: list[int]
) -> None:
    engine.run("first", "preprocess", document)
    output = tmp_path / "tensors"
    old = {entry.key: read_all(output, entry) for entry in read_manifest(output).songs}
    (folder / "song 1.caption.txt").write_text("something else entirely", "utf-8")
    _, state = engine.run("again", "preprocess", document)
    assert (state.results["encoded"], len(encoded)) == (1, 3)
    new = {entry.key: read_all(output, entry) for entry in read_manifest(output).songs}
    assert torch.equal(new["song 1.flac"]["latent_mean"], old["song 1.flac"]["latent_mean"])
    assert new["song 1.flac"]["condition"].shape != old["song 1.flac"]["condition"].shape


def test_changed_audio_is_encoded_again(
    engine: Any, document: dict[str, Any], folder: Path, encoded: list[int]
) -> None:
    engine.run("first", "preprocess", document)
    write_song(folder / "song 0.wav", 500, seconds=1.6)
    _, state = engine.run("again", "preprocess", document)
    assert (state.results["encoded"], encoded[3:]) == (1, [int(1.6 * RATE)])


def test_removed_songs_leave_and_the_folder_may_move(
    engine: Any, document: dict[str, Any], folder: Path, tmp_path: Path, encoded: list[int]
) -> None:
    engine.run("first", "preprocess", document)
    (folder / "song 2.ogg").unlink()
    moved = (tmp_path / "tensors").rename(tmp_path / "elsewhere")
    document["output"] = str(moved)
    engine.run("again", "preprocess", document)
    manifest = read_manifest(moved)
    assert [entry.key for entry in manifest.songs] == ["song 0.wav", "song 1.flac"]
    assert len(list((moved / "songs").iterdir())) == 2
    assert len(encoded) == 3
    for entry in manifest.songs:
        read_all(moved, entry)


def test_an_interrupted_run_goes_on(
    engine: Any, document: dict[str, Any], tmp_path: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """Nothing in the engine catches this, as nothing catches SIGKILL."""

    whole = preprocess_audio.encode_audio

    def killed_at_the_third(*arguments: Any) -> Any:
        if len(encoded) == 2:
            raise KilledError
        return whole(*arguments)

    monkeypatch.setattr(preprocess_audio, "encode_audio", killed_at_the_third)
    run = engine.create("run", "preprocess", document)
    with pytest.raises(KilledError):
        engine.work(run)
    assert not (tmp_path / "tensors" / "manifest.json").exists()
    monkeypatch.setattr(preprocess_audio, "encode_audio", whole)
    code, state = engine.work(run)
    assert (code, state.results["songs"], len(encoded)) == (0, 3, 3)
    assert not (tmp_path / "tensors" / ".unfinished").exists()


def test_a_stop_is_honoured_between_songs(
    engine: Any, document: dict[str, Any], encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run: RunDirectory = engine.create("run", "preprocess", document)
    whole = preprocess_audio.encode_audio

    def ask_to_stop(*arguments: Any) -> Any:
        send_command(run, "stop")
        return whole(*arguments)

    monkeypatch.setattr(preprocess_audio, "encode_audio", ask_to_stop)
    code, state = engine.work(run)
    assert (code, state.status, len(encoded)) == (0, "stopped", 1)
    monkeypatch.setattr(preprocess_audio, "encode_audio", whole)
    code, state = engine.work(run)
    assert (code, state.status, len(encoded)) == (0, "completed", 3)


def test_repeats_of_folders_are_asked_for_and_need_no_encoding(
    engine: Any, document: dict[str, Any], folder: Path, tmp_path: Path, encoded: list[int]
) -> None:
    (folder / "3_often").mkdir()
    for path in folder.glob("song 0.*"):
        path.rename(folder / "3_often" / path.name)
    (folder / "3_often" / "song 0.json").write_text('{"repeat": 2}', "utf-8")

    def repeats() -> list[int]:
        return [entry.repeat for entry in read_manifest(tmp_path / "tensors").songs]

    engine.run("plain", "preprocess", document)
    assert repeats() == [2, 1, 1]
    _, state = engine.run("asked", "preprocess", document | {"folder_repeats": True})
    assert (repeats(), state.results["encoded"]) == ([6, 1, 1], 0)
