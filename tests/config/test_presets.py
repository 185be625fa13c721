"""Presets: the shipped ones keep their promise; names, levels, saving, renaming, deleting, exporting."""

import json
import re
from pathlib import Path

import pytest

from sidestep_tui.config.memory import GIB
from sidestep_tui.config.preset_promise import derived_promise, preset_memory
from sidestep_tui.config.presets import (
    Preset,
    check_name,
    delete_preset,
    export_preset,
    find_preset,
    list_presets,
    parse_preset,
    preset_problems,
    read_preset,
    rename_preset,
    save_preset,
    shipped_presets,
    without_personal,
)
from sidestep_tui.errors import SidestepError

SHIPPED = sorted(shipped_presets().glob("*.json"))
TIERS = [file for file in SHIPPED if re.fullmatch(r"(2b|xl)-\d+gb", file.stem)]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path / "home"))
    return tmp_path


def test_the_tiers_and_the_intents_are_there() -> None:
    assert {file.stem for file in SHIPPED} >= {
        "2b-8gb", "2b-12gb", "2b-16gb", "2b-24gb", "2b-48gb", "xl-12gb", "xl-16gb", "xl-24gb", "xl-48gb",
        "quick-test", "recommended", "high-quality", "style", "voice",
    }  # fmt: skip


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_preset_is_valid_and_promises_what_the_arithmetic_gives(file: Path) -> None:
    preset = read_preset(file, "shipped")
    assert preset.name == file.stem
    assert preset.description
    assert preset_problems(preset.settings) == ()
    assert preset.promise == derived_promise(preset.name, preset.settings)


@pytest.mark.parametrize("file", TIERS, ids=lambda file: file.stem)
def test_tier_fits_its_card(file: Path) -> None:
    model, _, tier = file.stem.partition("-")
    memory = preset_memory(read_preset(file, "shipped").settings, model.upper())
    assert memory.fits(int(tier.removesuffix("gb")) * GIB)


def test_saved_preset_is_found_listed_renamed_and_deleted(home: Path) -> None:
    save_preset(Preset("mine", "a note", {"adapter": {"rank": 8}}))
    assert find_preset("mine", home).settings == {"adapter": {"rank": 8}}
    rename_preset("mine", "ours", home)
    names = [preset.name for preset in list_presets(home)]
    assert "ours" in names
    assert "mine" not in names
    delete_preset("ours", home)
    with pytest.raises(SidestepError, match="no preset 'ours'"):
        find_preset("ours", home)


def test_nearer_levels_win(home: Path) -> None:
    save_preset(Preset("style", "", {"adapter": {"rank": 8}}))
    assert find_preset("style", home).level == "user"
    local = home / "presets.sidestep" / "style.json"
    local.parent.mkdir()
    local.write_text(json.dumps({"name": "style", "settings": {"adapter": {"rank": 4}}}), encoding="utf-8")
    assert find_preset("style", home).level == "local"
    assert [p.level for p in list_presets(home) if p.name == "style"] == ["local"]


def test_shipped_presets_can_neither_go_nor_be_renamed(home: Path) -> None:
    with pytest.raises(SidestepError, match="stay"):
        delete_preset("style", home)
    with pytest.raises(SidestepError, match="keep their names"):
        rename_preset("style", "other", home)


def test_an_existing_preset_is_not_overwritten_by_chance(home: Path) -> None:
    save_preset(Preset("mine", "", {"adapter": {"rank": 8}}))
    with pytest.raises(SidestepError, match="exists"):
        save_preset(Preset("mine", "", {"adapter": {"rank": 9}}))
    save_preset(Preset("mine", "", {"adapter": {"rank": 9}}), overwrite=True)
    assert find_preset("mine", home).settings == {"adapter": {"rank": 9}}


def test_export_and_import_give_the_same_preset(home: Path) -> None:
    preset = find_preset("voice", home)
    file = export_preset(preset, home)
    assert file == home / "voice.json"
    assert parse_preset(file.read_text(encoding="utf-8"), "x").as_document() == preset.as_document()
    with pytest.raises(SidestepError, match="exists already"):
        export_preset(preset, file)


@pytest.mark.parametrize("name", ["a", "My preset 2", "2b-8gb", "v1.2_final"])
def test_safe_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", "nul", "COM1.json", "a.", " a", "a" * 65, "ä", "a\n"])
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(SidestepError, match="cannot be a preset's name"):
        check_name(name)


def test_paths_and_devices_stay_out() -> None:
    document = {"model": {"checkpoint": "/m", "device": "cuda:1"}, "data": {"tensors": "/t", "crop_seconds": 60.0}}
    assert without_personal(document) == {"data": {"crop_seconds": 60.0}}
    assert [p.path for p in preset_problems(document)] == ["model.checkpoint", "model.device", "data.tensors"]
