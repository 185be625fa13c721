"""`sidestep preset`: kept as numbers, without paths, and through every door."""

import json

import pytest


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
    ],
)
def test_what_cannot_be_done_is_wrong_usage(sidestep, arguments, words):
    result = sidestep("preset", *arguments)
    assert result.code == 2
    assert words in result.err


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
