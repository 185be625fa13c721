"""The whole path through the command line: `sidestep demo`, and what it says when a stage does nothing."""

import json
from pathlib import Path

import pytest

from sidestep_tui.cli import demo_stages
from sidestep_tui.cli.demo_songs import SONGS, synthesise
from sidestep_tui.cli.main import main
from sidestep_tui.runs.history import list_runs


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path / "home"))


@pytest.mark.slow
def test_the_demo_does_all_of_its_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a demo [1]"
    assert main(["demo", "--out", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [stage["ok"] for stage in document["stages"]] == [True] * 7
    assert document["last_validation_loss"] < document["first_validation_loss"]
    assert (folder / "export-comfyui" / "export-comfyui.safetensors").stat().st_size > 0.9 * document["adapter_bytes"]
    runs = {summary.run.name: summary.condition for summary in list_runs()}
    names = ("preprocess", "estimate", "train", "generate-base", "generate-adapter", "export")
    assert runs == dict.fromkeys(names, "completed")


def test_a_stage_that_does_nothing_is_told_and_ends_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_stages.Demo, "build_model", lambda _demo: "built elsewhere")
    monkeypatch.setattr(demo_stages, "write_songs", write_one_song)
    assert main(["demo", "--out", str(tmp_path / "demo"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(stage["stage"], stage["ok"]) for stage in document["stages"]] == [("model", True), ("songs", False)]
    assert document["ok"] is False


def write_one_song(folder: Path) -> None:
    """Writes one song instead of six."""
    from sidestep_tui.dataset.audio import write_audio

    write_audio(folder / SONGS[0].file, synthesise(SONGS[0], seed=0))


def test_a_folder_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work", "utf-8")
    assert main(["demo", "--out", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_told_before_anything_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["demo", "--out", str(tmp_path / "file" / "demo")]) == 1
    out, err = capsys.readouterr()
    assert (out, "The file cannot be written: Not a directory." in err) == ("", True)
