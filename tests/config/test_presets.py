"""Shipped presets keep their promise; what a preset holds, changes and leaves out."""

import re
from pathlib import Path

import pytest

from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.presets.changes import ABSENT, Change, changes_of, differences, whole_settings
from sidestep_tui.config.presets.preset import Preset, left_out, preset_problems, read_preset, without_personal
from sidestep_tui.config.presets.promise import MODELS, derived_promise, models_of, preset_memory, promise_of
from sidestep_tui.config.presets.shelf import shipped_presets

SHIPPED = sorted(shipped_presets().glob("*.json"))
TIERS = [file for file in SHIPPED if re.fullmatch(r"(2b|xl)-\d+gb", file.stem)]
INTENTS = {"quick-test", "recommended", "high-quality", "style", "voice"}


def test_every_tier_of_both_models_and_every_intent_is_there() -> None:
    tiers = {f"{model.lower()}-{gigabytes}gb" for model in MODELS for gigabytes in (8, 12, 16, 24, 48)}
    assert {file.stem for file in SHIPPED} == tiers | INTENTS


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_preset_is_valid_and_promises_what_the_arithmetic_gives(file: Path) -> None:
    preset = read_preset(file, "shipped")
    assert preset.name == file.stem
    assert preset.description
    assert preset_problems(preset.settings) == ()
    assert preset.promise == derived_promise(preset), "run `make docs`"


@pytest.mark.parametrize("file", TIERS, ids=lambda file: file.stem)
def test_tier_fits_its_card(file: Path) -> None:
    model, _, tier = file.stem.partition("-")
    memory = preset_memory(read_preset(file, "shipped").settings, model.upper())
    assert memory.fits(int(tier.removesuffix("gb")) * GIB)


def test_what_promises_nothing_has_the_derived_figure() -> None:
    mine = Preset("mine", "", {"adapter": {"rank": 32, "alpha": 64.0}})
    assert re.fullmatch(r"derived, not measured: \d\.\d GiB on 2B and 1\d\.\d GiB on XL, .* 240 s", promise_of(mine))
    assert promise_of(Preset("mine", "", {}, "5.0 GiB, measured")) == "5.0 GiB, measured"
    assert models_of("XL-mine") == ("XL",)


def test_paths_and_devices_stay_out() -> None:
    document = {"model": {"checkpoint": "/m", "device": "cuda:1"}, "data": {"tensors": "/t", "crop_seconds": 60.0}}
    assert without_personal(document) == {"data": {"crop_seconds": 60.0}}
    assert [p.path for p in preset_problems(document)] == ["model.checkpoint", "model.device", "data.tensors"]


def test_paths_that_were_chosen_are_named_and_those_of_every_run_are_not() -> None:
    document = {"model": {"checkpoint": "/m"}, "adapter": {"start_from": None, "targets_from": "/s.json"}}
    assert left_out(document) == ("adapter.targets_from",)


def test_changes_come_first_each_beside_its_default() -> None:
    settings = {"adapter": {"family": "dora", "rank": 8}, "training": {"batch_size": 1, "epochs": 7}}
    assert changes_of(settings) == (
        Change("adapter.family", "dora", "lora"),
        Change("adapter.rank", 8, 64),
        Change("training.epochs", 7, 100),
        Change("training.batch_size", 1, 1),
    )


def test_a_list_that_says_the_default_changes_nothing() -> None:
    """JSON has lists where the schema has tuples."""
    settings = {"adapter": {"targets": {"projections": ["q", "k", "v", "o"]}}}
    assert [change.is_default for change in changes_of(settings)] == [True]
    assert list(differences(settings, {})) == []


def test_differences_fill_in_defaults_and_know_what_a_family_lacks() -> None:
    lora, oft = {"adapter": {"rank": 8}}, {"adapter": {"family": "oft"}}
    rows = {path: values for path, *values in differences(lora, oft)}
    assert rows["adapter.family"] == ["lora", "oft"]
    assert rows["adapter.rank"] == [8, ABSENT]
    assert rows["adapter.block_size"] == [ABSENT, 32]
    assert not any(path.startswith("training") for path in rows)
    assert list(differences(lora, {"adapter": {"rank": 8, "alpha": None}, "training": {"epochs": 100}})) == []
    assert "model.checkpoint" not in whole_settings(lora)
