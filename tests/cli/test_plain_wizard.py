"""The line-by-line wizard: what it asks, what it refuses, where its lines with a colon go, and what it starts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.cli.main import main
from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.places import runs_home, user_presets
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs.cards import Card
from sidestep_tui.runs.devices import note_devices
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.tui.wizard.state import WizardState
from tests.runs.hub import serving_hub
from tests.tui.wizard.conftest import card

from .support import Talk


def settings_in(lines: Sequence[str]) -> list[str]:
    """The settings that were asked for, in order."""
    questions = [line.split(" ")[0].rstrip(":") for line in lines if line.endswith(":")]
    return [word for word in questions if "." in word.strip(".")]


def value(state: WizardState, path: str) -> Any:
    return state.document.value(state.document.find(path))


def test_every_basic_setting_is_asked_for_once_in_order(talk: Talk) -> None:
    keep = [""] * 40
    state, lines, _ = talk("/a/model", "/a/tensors", *keep)
    asked = settings_in(lines)
    assert asked == [field.path for step in state.steps() for field in step.fields]
    assert any(line.startswith("Step 3 of") for line in lines)
    assert "800 epochs are usual for so many songs." in lines


def test_what_cannot_be_used_is_asked_for_again(talk: Talk) -> None:
    state, lines, _ = talk("/nowhere", "/a/model", "", "/gone", "/a/tensors", ":find adapter.rank", "9999", "24")
    assert "Not usable: This folder holds no model." in lines
    assert "Not usable: it must be given." in lines
    assert "Not usable: there is no such folder." in lines
    assert "Not usable: must be at most 1024, not 9999." in lines
    assert value(state, "adapter.rank") == 24


def test_a_question_mark_explains_and_words_that_go_nowhere_are_told(talk: Talk) -> None:
    state, lines, _ = talk("?", "/a/model", ":find no such thing", ":nonsense", ":quit")
    assert state.document.find("model.checkpoint").help in lines
    assert "No setting has these words in its name or its help." in lines
    assert len([line for line in lines if line.startswith("Enter keeps")]) == 2


def test_a_first_run_chooses_a_model_by_its_number(talk: Talk) -> None:
    state, lines, _ = talk("2", "/a/tensors", ":models", "1")
    assert lines.count("1. /here/model-xl (xl base)") == 2
    assert value(state, "model.checkpoint") == "/here/model-xl"


def test_a_first_run_downloads_a_model(talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving_hub() as hub:
        hub.repositories["ACE-Step/Ace-Step1.5"] = {"vae/config.json": b"{}", "Qwen3-Embedding-0.6B/config.json": b"{}"}
        hub.repositories["someone/model-tune"] = {"config.json": b"{}"}
        for name, text in (("HF_ENDPOINT", hub.url), ("HF_HUB_DISABLE_XET", "1"), ("HF_HUB_DISABLE_TELEMETRY", "1")):
            monkeypatch.setenv(name, text)
        state, lines, _ = talk(":download", ":download nobody", f":download someone/model-tune {tmp_path}/my models")
    assert any("no published model 'nobody'" in line for line in lines)
    assert "100 %, 6 B of 6 B" in lines
    assert value(state, "model.checkpoint") == str(tmp_path / "my models" / "model-tune")
    assert (tmp_path / "my models" / "vae" / "config.json").is_file()


def test_lines_with_a_colon_go_back_on_and_reset(talk: Talk) -> None:
    answers = ("/a/model", "/a/tensors", ":find adapter.rank", "8", ":back", ":reset", ":next", ":back")
    state, lines, _ = talk(*answers)
    asked = settings_in(lines)
    rank = asked.index("adapter.rank")
    assert asked[rank : rank + 4] == ["adapter.rank", "adapter.alpha", "adapter.rank", "adapter.rank"]
    assert asked[rank + 4].startswith("optimizer.")
    assert asked[rank + 5].startswith("adapter.")
    assert value(state, "adapter.rank") == 64


def test_finding_an_advanced_setting_shows_it(talk: Talk) -> None:
    state, _, _ = talk("/a/model", "/a/tensors", ":find b_rate_ratio", "16")
    assert state.advanced
    assert value(state, "adapter.b_rate_ratio") == 16


def test_none_empties_an_optional_setting(talk: Talk) -> None:
    state, _, _ = talk("/a/model", "/a/tensors", ":find crop_seconds", "30", ":find crop_seconds", "none")
    assert value(state, "data.crop_seconds") is None


def test_the_review_starts_the_run(talk: Talk) -> None:
    _, lines, run = talk("/a/model", "/a/tensors", ":review", "99", "3", "5", "mine", "1")
    assert "Give a number from 1 to 10." in lines
    assert any("sidestep estimate" in line for line in lines)
    assert run is not None
    assert run.path.name == "mine-estimate"
    assert RunDirectory(runs_home() / "mine").settings().model_dump()["adapter"]["targets_from"] is not None


def test_the_review_tells_who_works_on_the_card(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidestep_tui.runs.cards.driver_cards", lambda: (Card("GPU-0", 1),))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    model, data = {"checkpoint": "/a/model"}, {"tensors": "/a/tensors"}
    other = create_run(runs_home() / "waltz", "train", TrainSettings.model_validate({"model": model, "data": data}))
    with other.held():
        note_devices(other)
        _, lines, run = talk("/a/model", "/a/tensors", ":review", "1")
    assert run is not None
    assert "waltz works on the same card: the two share its memory and its time." in lines


def test_the_review_saves_the_run_without_starting_it(talk: Talk) -> None:
    _, lines, started = talk("/a/model", "/a/tensors", ":review", "6")
    assert started is None
    run = RunDirectory(runs_home() / "tensors-lora")
    assert (run.job(), run.events_file.exists()) == ("train", False)
    assert f"Saved {run.path}. `sidestep resume {run.path}` starts it." in lines


def test_the_review_says_what_is_missing_and_starts_nothing(talk: Talk) -> None:
    _, lines, run = talk("/a/model", ":review", "1", "9")
    assert run is None
    assert any("data.tensors is needed" in line for line in lines)
    assert not runs_home().exists()


def test_the_review_makes_it_fit(talk: Talk) -> None:
    answers = ("/a/model", "/a/tensors", ":find memory.checkpointing", "none", ":review", "9", "10")
    state, lines, _ = talk(*answers, cards=(card(8 * GIB),))
    assert any("too much" in line for line in lines)
    assert any("it fits" in line for line in lines)
    memory = state.memory()
    assert memory is not None
    assert memory.fits


def test_the_review_saves_presets_and_files_and_asks_before_it_replaces(talk: Talk, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    go = ("/a/model", "/a/tensors", ":find adapter.rank", "8", ":review")
    talk(*go, "7", "tiny", "8", str(file))
    assert json.loads((user_presets() / "tiny.json").read_text(encoding="utf-8"))["settings"]["adapter"]["rank"] == 8
    assert json.loads(file.read_text(encoding="utf-8"))["adapter"]["rank"] == 8
    file.write_text("precious", encoding="utf-8")
    _, lines, _ = talk(*go, "8", str(file), "no", "7", "a/b")
    assert file.read_text(encoding="utf-8") == "precious"
    assert any("a/b" in line for line in lines)


def test_the_command_says_that_nothing_was_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.readline", lambda: "", raising=False)
    assert main(["wizard", "--plain"]) == 0
    assert capsys.readouterr().out.endswith("Nothing was started.\n")
    assert main(["wizard", "--plain", "--json"]) == 2


def test_further_folders_of_tensors_count_too(talk: Talk) -> None:
    more = (":find data.more_tensors", "/b/tensors", ":review")
    state, lines, _ = talk("/a/model", "/a/tensors", *more)
    assert state.data is not None
    assert state.data.songs == 28
    assert any("28 preprocessed songs" in line for line in lines)
