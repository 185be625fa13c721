"""`sidestep preset`: kept as numbers, without paths, and through every door."""

import base64
import io
import json
import sys

import pytest

from sidestep_tui.config.places import runs_home, user_presets
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs.directory import create_run


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch):
    """An empty folder to work in: what is `--local` lands there."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def mine(sidestep):
    """A saved preset called `mine`."""
    arguments = ("--rank", 8, "--lr", "3e-4", "--no-adapter.targets.mlp", "--model", "/m", "--description", "[b]x")
    assert sidestep("preset", "save", "mine", *arguments).code == 0


def test_save_keeps_typed_values_and_no_paths(sidestep, mine):
    shown = sidestep("preset", "show", "mine", "--json").json()
    assert shown["settings"] == {
        "adapter": {"rank": 8, "targets": {"mlp": False}},
        "optimizer": {"learning_rate": 3e-4},
    }
    assert (shown["level"], shown["description"]) == ("user", "[b]x")
    text = sidestep("preset", "show", "mine").out
    assert "adapter.rank" in text
    assert "[b]x" in text


def test_list_has_shipped_and_own_presets(sidestep, mine):
    levels = {preset["name"]: preset["level"] for preset in sidestep("preset", "list", "--json").json()}
    assert levels["mine"] == "user"
    assert "shipped" in levels.values()
    assert "mine" in sidestep("preset", "list").out


def test_list_says_what_each_changes_needs_hides_and_what_is_damaged(sidestep, mine):
    assert sidestep("preset", "save", "voice", "--local", "--epochs", 5).code == 0
    (user_presets() / "torn.json").write_text("{", encoding="utf-8")
    listed = {preset["name"]: preset for preset in sidestep("preset", "list", "--json").json()}
    assert (listed["voice"]["level"], listed["voice"]["hides"], listed["mine"]["hides"]) == ("local", ["shipped"], [])
    assert "not JSON" in listed["torn"]["error"]
    text = sidestep("preset", "list").out
    assert "adapter.rank=8, adapter.targets.mlp=off, optimizer.learning_rate=0.0003" in text
    assert "hides the one that is shipped" in text
    assert "derived, not measured: 5.5 GiB on XL" in text
    assert "not JSON" in text


def test_show_has_each_default_and_what_is_hidden(sidestep, working_folder):
    saved = sidestep("preset", "save", "style", "--local", "--rank", 8)
    assert "hidden by it from now on: " in saved.out
    text = sidestep("preset", "show", "style").out
    assert "this folder" in text
    assert str(working_folder / "presets.sidestep" / "style.json") in text
    assert "It hides the one that is shipped" in text
    assert ["adapter.rank", "8", "not", "64"] in [line.split() for line in text.splitlines()]
    again = sidestep("preset", "save", "style", "--rank", 9).out
    assert "a nearer preset of its name hides it" in again
    assert "hidden by it" not in again


def test_two_are_compared(sidestep, mine):
    compared = sidestep("preset", "compare", "mine", "recommended", "--json").json()
    assert compared["presets"] == ["mine", "recommended"]
    assert compared["differences"]["adapter.rank"] == [8, 64]
    lines = [line.split() for line in sidestep("preset", "compare", "mine", "recommended").out.splitlines()]
    assert lines[0] == ["SETTING", "mine", "recommended"]
    assert ["adapter.targets.mlp", "off", "on"] in lines
    assert "the same settings" in sidestep("preset", "compare", "mine", "mine").out


def test_the_settings_of_a_run_are_kept_without_its_paths(sidestep, tmp_path):
    settings = {
        "model": {"checkpoint": "/m"}, "data": {"tensors": "/t"}, "training": {"epochs": 7},
        "adapter": {"rank": 12, "targets_from": "/s.json"},
    }  # fmt: skip
    create_run(runs_home() / "take-one", "train", TrainSettings.model_validate(settings))
    saved = sidestep("preset", "save", "kept", "--run", "take-one", "--epochs", 9)
    assert "not in it, since paths belong to a machine: adapter.targets_from" in saved.out
    shown = sidestep("preset", "show", "kept", "--json").json()
    kept = shown["settings"]
    assert shown["description"] == "from the run take-one"
    assert (kept["adapter"]["rank"], kept["training"]["epochs"]) == (12, 9)
    assert "checkpoint" not in kept["model"]
    assert "There is no run" in sidestep("preset", "save", "more", "--run", "nobody").err


def test_text_goes_out_and_comes_in_through_pipes(sidestep, mine, monkeypatch):
    text = sidestep("preset", "export", "mine", "-").out
    assert json.loads(text)["name"] == "mine"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert sidestep("preset", "import", "-", "--name", "我的声音").code == 0
    assert sidestep("preset", "compare", "mine", "我的声音", "--json").json()["differences"] == {}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe{")))
    assert "not UTF-8" in sidestep("preset", "import", "-").err


def test_the_clipboard_of_the_terminal_is_reached_by_osc_52(sidestep, mine, monkeypatch, tmp_path):
    terminal = tmp_path / "terminal"
    terminal.touch()
    monkeypatch.setattr("sidestep_tui.cli.clipboard._TERMINAL", str(terminal))
    assert sidestep("preset", "export", "mine", "--clipboard").code == 0
    begin, _, rest = terminal.read_bytes().partition(b";c;")
    assert (begin, rest[-1:]) == (b"\x1b]52", b"\x07")
    assert json.loads(base64.b64decode(rest[:-1]))["name"] == "mine"
    monkeypatch.setattr("sidestep_tui.cli.clipboard._TERMINAL", str(tmp_path / "none"))
    assert "no terminal" in sidestep("preset", "export", "mine", "--clipboard").err


def test_only_what_lies_among_the_presets_is_deleted(sidestep, mine, working_folder):
    file = working_folder / "mine.json"
    assert sidestep("preset", "export", "mine").code == 0
    assert sidestep("preset", "delete", file).code == 2
    assert file.exists()
    assert sidestep("preset", "delete", "MINE").code == 0
    assert file.exists()


def test_save_can_build_on_another_preset(sidestep, mine):
    assert sidestep("preset", "save", "more", "--preset", "mine", "--epochs", 5).code == 0
    settings = sidestep("preset", "show", "more", "--json").json()["settings"]
    assert (settings["adapter"]["rank"], settings["training"]["epochs"]) == (8, 5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("save", "empty"), "at least one setting"),
        (("save", "only-paths", "--model", "/m"), "at least one setting"),
        (("save", "bad", "--rank", "0"), "adapter.rank: must be at least 1, not 0"),
        (("save", "../escape", "--rank", "4"), "cannot be a preset's name"),
        (("show", "nobody"), "There is no preset 'nobody'"),
        (("delete", "nobody"), "There is no preset 'nobody'"),
        (("rename", "voice", "mine"), "Shipped presets keep their names"),
        (("delete", "voice"), "Shipped presets stay"),
        (("compare", "voice", "nobody"), "There is no preset 'nobody'"),
        (("import", "https://host/a.json"), "curl -fL https://host/a.json | sidestep preset import -"),
        (("import", "a.json", "--name", "a?"), "There is no such file"),
        (("import", "~nobody-here/a.json"), "no such home folder"),
    ],
)
def test_what_cannot_be_done_is_said(sidestep, arguments, words):
    result = sidestep("preset", *arguments)
    assert result.code in (1, 2)
    assert words in result.err
    assert "fix:" in result.err


def test_export_import_rename_and_delete(sidestep, mine, tmp_path):
    file = tmp_path / "given.json"
    assert sidestep("preset", "export", "mine", file).code == 0
    assert sidestep("preset", "export", "mine", file).code == 1
    assert json.loads(file.read_text())["settings"]["adapter"]["rank"] == 8
    assert sidestep("preset", "import", file).code == 1
    assert sidestep("preset", "import", file, "--overwrite").code == 0
    assert sidestep("preset", "rename", "mine", "ours").code == 0
    assert sidestep("preset", "show", "mine").code == 2
    assert "deleted" in sidestep("preset", "delete", "ours", "--json").json()


def test_importing_an_older_trainers_file_reports_every_field(sidestep, tmp_path):
    file = tmp_path / "old.json"
    file.write_text(json.dumps({"learning_rate": 1e-4, "rank": 32, "alpha": 64, "log_every": 10}))
    imported = sidestep("preset", "import", file, "--json").json()
    assert {note["old"] for note in imported["notes"]} >= {"learning_rate", "rank"}
    text = sidestep("preset", "import", file, "--overwrite").out
    assert "rank → adapter.rank" in text
