"""What the wizard learns about folders: the model by a command, songs and tensors by a look, names by completion."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import sidestep_tui
from sidestep_tui.config.memory.load import Load
from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.wizard.facts import (
    DataFacts,
    inspect_model,
    look_at_songs,
    model_facts,
    together,
)
from sidestep_tui.tui.wizard.lengths import recommended_epochs
from sidestep_tui.tui.wizard.paths import complete_folder


def test_steps_of_the_run_follow_the_songs_that_the_data_set_holds_out(tmp_path: Path) -> None:
    manifest: dict[str, list[dict[str, Any]]] = {
        "songs": [{"frames": 50, "condition_tokens": 9, "held_out": number < 4} for number in range(14)]
    }
    manifest["songs"][3]["repeat"] = manifest["songs"][4]["repeat"] = 6
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    facts = look_at_songs(tmp_path)
    assert (facts.held_out, facts.trained(1)) == (4, 10 + 5)


def test_recommended_epochs_fall_with_the_number_of_songs() -> None:
    assert [recommended_epochs(songs) for songs in (1, 10, 20, 100, 5000)] == [1000, 800, 800, 500, 200]
    values = [recommended_epochs(songs) for songs in range(1, 600)]
    assert values == sorted(values, reverse=True)


def test_folders_tell_what_they_hold(tmp_path: Path) -> None:
    assert look_at_songs(tmp_path / "none").kind == "missing"
    assert look_at_songs(tmp_path).kind == "empty"
    (tmp_path / "manifest.json").write_text('{"format": "sidestep-tensors", "songs": [{')
    assert "list of songs cannot be read" in look_at_songs(tmp_path).title
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "a.mp3").touch()
    (tmp_path / "b.flac").touch()
    assert (look_at_songs(tmp_path).kind, look_at_songs(tmp_path).songs) == ("songs", 2)
    assert look_at_songs(tmp_path).title == "2 audio files: they are encoded first"
    (tmp_path / "dataset.json").write_text('{"samples": []}')
    assert "without what dataset.json says: give that file" in look_at_songs(tmp_path).title
    further = [{"tokens": 7}]
    songs = [{"frames": 500, "condition_tokens": 30, "further": further}, {"frames": 900, "condition_tokens": 20}]
    (tmp_path / "manifest.json").write_text(json.dumps({"songs": songs}), encoding="utf-8")
    facts = look_at_songs(tmp_path)
    assert (facts.kind, facts.songs, facts.load, facts.longest_seconds) == ("tensors", 2, Load(900, 30, 1400, 57), 36.0)
    saved = tmp_path / "set.json"
    saved.write_text(json.dumps({"samples": [{"audio_path": f"{n}.mp3"} for n in range(3)]}), encoding="utf-8")
    assert (look_at_songs(saved).kind, look_at_songs(saved).songs) == ("songs", 3)


def answer(folder: Path, monkeypatch: pytest.MonkeyPatch, out: str, error: str = "") -> Path:
    """In place of Python: gives an answer, and tells its path for modules and its arguments in the file returned."""
    python, told = folder / "python", folder / "told"
    (folder / "out").write_text(out)
    (folder / "error").write_text(error)
    script = f'echo "$PYTHONPATH" "$@" > "{told}"\ncat "{folder}/out"\ncat "{folder}/error" >&2\n'
    python.write_text(f"#!/bin/sh\n{script}")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return told


def test_the_model_is_looked_at_by_the_command_of_this_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wherever the application was started from: where it is not installed, `python -m` did not find the package."""
    document = {"variant": "sft", "layout": "diffusers", "is_xl": False, "dit_parameters": 1575458880, "missing": []}
    told = answer(tmp_path, monkeypatch, json.dumps(document))
    facts = inspect_model(tmp_path, "sft")
    assert (facts.title, facts.incomplete) == ("sft · 2B · diffusers layout", "")
    path, *words = told.read_text().split()
    assert Path(path) == Path(sidestep_tui.__file__).parents[1]
    assert words == ["-m", "sidestep_tui.cli.main", "models", "inspect", str(tmp_path), "--base", "sft", "--json"]


def test_an_incomplete_model_says_what_is_missing() -> None:
    document = {"variant": "sft", "layout": "original", "is_xl": False, "missing": [{"error": "No VAE."}]}
    assert model_facts(document, {}).incomplete == "No VAE."


@pytest.mark.parametrize(
    ("stderr", "what"),
    [
        ('{"error": "This is no model.", "where": "x", "fix": "y"}\n', "This is no model."),
        ("Traceback\nImportError: no such thing", "ImportError: no such thing"),
        ("", "The command gave no answer."),
    ],
)
def test_the_words_of_the_command_are_passed_on(
    stderr: str, what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer(tmp_path, monkeypatch, "", stderr)
    with pytest.raises(SidestepError) as caught:
        inspect_model(tmp_path)
    assert caught.value.what == what


def test_a_model_of_another_size_is_told_in_parameters() -> None:
    document = {"variant": "turbo", "layout": "original", "is_xl": False, "dit_parameters": 327_552}
    assert model_facts(document, {}).title == "turbo · 0.33 M parameters · original layout"


@pytest.mark.parametrize("figure", [None, "long", [1], 1e400])
def test_figures_of_a_manifest_that_are_none_are_not_known(figure: object, tmp_path: Path) -> None:
    """The thread that looks would end the application with them."""
    songs = [{"frames": figure, "condition_tokens": figure, "further": figure}, {"further": [figure, {"tokens": None}]}]
    (tmp_path / "manifest.json").write_text(json.dumps({"songs": songs}), encoding="utf-8")
    facts = look_at_songs(tmp_path)
    assert (facts.kind, facts.songs, facts.load) == ("tensors", 2, Load())


def test_an_epoch_has_the_samples_that_the_engine_makes_of_the_songs(tmp_path: Path) -> None:
    """As `split_songs` does: repeats count, marked songs are held out, else at most half of at least four."""
    (tmp_path / "repeated").mkdir()
    (tmp_path / "repeated" / "manifest.json").write_text(
        json.dumps(
            {"songs": [{"repeat": 10, "held_out": n == 0, "frames": 50, "condition_tokens": 9} for n in range(5)]}
        )
    )
    repeated = look_at_songs(tmp_path / "repeated")
    assert (repeated.samples, repeated.trained(1)) == (40, 40)
    plain = DataFacts("tensors", 6, Load(100, 7, 600, 42), 4.0, samples=6)
    assert [plain.trained(drawn) for drawn in (0, 1, 10)] == [6, 5, 3]
    assert DataFacts("tensors", 3).trained(1) == 3
    both = together(plain, [repeated, DataFacts("empty")])
    assert (both.songs, both.samples, both.held_out, both.longest_seconds) == (11, 46, 1, 4.0)
    assert both.load == Load(100, 9, 850, 87)
    assert together(DataFacts("songs", 4), [repeated]) == DataFacts("songs", 4)


def test_folder_names_are_completed(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "mu.txt").touch()
    assert complete_folder(f"{tmp_path}/mu") == f"{tmp_path}/music/"
    assert complete_folder(f"{tmp_path}/.h") == f"{tmp_path}/.hidden/"
    assert complete_folder(f"{tmp_path}/x") is None
    assert complete_folder("/no such folder/x") is None
    assert complete_folder("") is None
