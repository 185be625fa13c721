"""The presets screen by its keys, and how it looks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from sidestep_tui.config.places import user_presets
from sidestep_tui.config.preset_import import import_text
from sidestep_tui.config.presets import Preset, find_preset, save_preset
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.presets.describe import compare, describe, report, whole_settings
from sidestep_tui.tui.presets.dialogs import ReportScreen
from sidestep_tui.tui.presets.screen import PresetsScreen
from sidestep_tui.tui.widgets.table import KeyTable
from sidestep_tui.tui.wizard.screen import WizardScreen

from ..conftest import SIZES

MakeApp = Callable[..., SidestepApp]
OLD = json.dumps({"name": "old one", "rank": 16, "alpha": 32, "optimizer_type": "adamw8bit-x", "shift": 3.0})


@pytest.fixture(autouse=True)
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in: exports land there."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def mine(name: str = "a of mine") -> Preset:
    preset = Preset(name, "for [brackets]", {"adapter": {"rank": 24}})
    save_preset(preset)
    return preset


def text(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#text", Static).content)


def names(pilot: Pilot[None]) -> list[str]:
    table = pilot.app.screen.query_one(KeyTable)
    return [str(table.get_row_at(row)[1]) for row in range(table.row_count)]


async def test_own_presets_come_first_and_numbers_in_order(make_app: MakeApp) -> None:
    mine()
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert names(pilot)[:4] == ["a of mine", "2b-8gb", "2b-12gb", "2b-16gb"]
        assert "for [brackets]" in text(pilot)
        await pilot.press("down")
        assert "5.2 GiB on 2B" in text(pilot)


async def test_two_are_compared(make_app: MakeApp) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("c", "down", "down")
        lines = text(pilot).splitlines()
        assert [line.split() for line in lines[:4]] == [
            ["2b-8gb", "2b-16gb"],
            ["adapter.rank", "32", "64"],
            ["adapter.alpha", "64", "128"],
            ["memory.checkpointing", "all", "half"],
        ]
        await pilot.press("up", "up", "c", "down")
        assert "Rank 128 on a 12 GB card" in text(pilot)


async def test_enter_loads_into_the_wizard(make_app: MakeApp) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        document = screen.state.document
        assert document.origin(document.find("adapter.rank")) == "preset 2b-8gb"


async def test_renaming_and_deleting_ask_and_leave_shipped_ones_alone(make_app: MakeApp) -> None:
    mine()
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("r")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "b of mine"
        await pilot.press("enter")
        await pilot.pause()
        assert "b of mine" in names(pilot)
        await pilot.press("d")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert not list(user_presets().glob("*.json"))
        screen = pilot.app.screen
        assert isinstance(screen, PresetsScreen)
        assert not screen.check_action("delete", ())
        assert not screen.check_action("rename", ())


async def test_an_unsafe_name_is_refused_with_the_reason(make_app: MakeApp) -> None:
    mine()
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("r")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "../x"
        await pilot.press("enter")
        await pilot.pause()
        assert "cannot be a preset's name" in str(pilot.app.screen.query_one(".problem", Static).content)
        assert find_preset("a of mine", Path.cwd())


async def paste(pilot: Pilot[None], what: str) -> None:
    await pilot.press("i")
    await pilot.pause()
    pilot.app.screen.query_one(TextArea).text = what
    await pilot.press("ctrl+s")
    await pilot.pause()


async def test_a_pasted_preset_of_the_old_trainer_is_reported_and_kept(make_app: MakeApp) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await paste(pilot, OLD)
        assert isinstance(pilot.app.screen, ReportScreen)
        await pilot.press("y")
        await pilot.pause()
        assert find_preset("old one", Path.cwd()).settings["adapter"]["rank"] == 16


async def test_a_file_is_imported_by_its_name(make_app: MakeApp, working_folder: Path) -> None:
    (working_folder / "given.json").write_text(OLD, encoding="utf-8")
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await paste(pilot, "given.json")
        await pilot.press("n")
        await pilot.pause()
        assert not user_presets().exists()


async def test_what_is_no_preset_is_refused(make_app: MakeApp) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await paste(pilot, "{broken")
        notes = [note.message for note in pilot.app._notifications]
        assert len(notes) == 1
        assert "not JSON" in notes[0]


async def test_export_writes_the_file(make_app: MakeApp, working_folder: Path) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert json.loads((working_folder / "2b-8gb.json").read_text(encoding="utf-8"))["name"] == "2b-8gb"


async def test_the_settings_of_a_run_become_a_preset(make_app: MakeApp, make_run: Any) -> None:
    make_run("take-one")
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("u")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press(*"kept", "enter")
        await pilot.pause()
        kept = find_preset("kept", Path.cwd())
        assert "checkpoint" not in kept.settings["model"]
        assert kept.settings["adapter"]["rank"] == 64


def test_description_says_what_is_not_the_default() -> None:
    lines = str(describe(Preset("x", "", {"adapter": {"rank": 8, "alpha": 128.0}}), 70)).splitlines()
    assert [line.split() for line in lines[-2:]] == [
        ["adapter.rank", "8", "not", "64"],
        ["adapter.alpha", "128", "default"],
    ]


def test_families_compare_by_the_settings_that_each_has() -> None:
    lora, oft = Preset("l", "", {"adapter": {"rank": 8}}), Preset("o", "", {"adapter": {"family": "oft"}})
    assert "adapter.rank" not in whole_settings(oft)
    rows = {line.split()[0]: line.split()[1:] for line in str(compare(lora, oft, 80)).splitlines()[1:] if line.strip()}
    assert rows["adapter.family"] == ["lora", "oft"]
    assert rows["adapter.rank"] == ["8", "–"]
    assert rows["adapter.block_size"] == ["–", "32"]
    assert "They give the same settings." in str(compare(lora, lora, 80))


def test_report_groups_what_became_of_the_fields() -> None:
    lines = str(report(import_text(OLD))).splitlines()
    assert lines[0] == "taken over (2)"
    assert lines[1] == "✓ rank → adapter.rank = 16"
    assert "– shift  belongs to generation, not to training" in lines


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "keys", [(), ("c", "down", "down"), ("down", "down", "down", "i")], ids=["list", "compare", "import"]
)
def test_presets_look(keys: tuple[str, ...], size: tuple[int, int], snap_compare: Any, make_app: MakeApp) -> None:
    assert snap_compare(make_app("presets"), terminal_size=size, press=keys)


def test_import_report_looks(snap_compare: Any, make_app: MakeApp) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await paste(pilot, OLD)

    assert snap_compare(make_app("presets"), terminal_size=(80, 24), run_before=run)
