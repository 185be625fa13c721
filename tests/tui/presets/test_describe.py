"""What is said about presets."""

import pytest
from rich.cells import cell_len

from sidestep_tui.config.presets.changes import whole_settings
from sidestep_tui.config.presets.importing import import_text
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.config.presets.shelf import shipped
from sidestep_tui.tui.presets.describe import compare, describe, report

from .support import OLD


def test_description_says_what_is_not_the_default() -> None:
    lines = str(describe(Preset("x", "", {"adapter": {"rank": 8, "dropout": 0.0}}), 70)).splitlines()
    assert [line.split() for line in lines[-2:]] == [
        ["adapter.rank", "8", "not", "64"],
        ["adapter.dropout", "0", "default"],
    ]


def test_families_compare_by_the_settings_that_each_has() -> None:
    lora, oft = Preset("l", "", {"adapter": {"rank": 8}}), Preset("o", "", {"adapter": {"family": "oft"}})
    assert "adapter.rank" not in whole_settings(oft.settings)
    rows = {line.split()[0]: line.split()[1:] for line in str(compare(lora, oft, 80)).splitlines()[1:] if line.strip()}
    assert rows["adapter.family"] == ["lora", "oft"]
    assert rows["adapter.rank"] == ["8", "–"]
    assert rows["adapter.block_size"] == ["–", "32"]
    assert "They give the same settings." in str(compare(lora, lora, 80))


def test_report_groups_what_became_of_the_fields() -> None:
    lines = str(report(import_text(OLD), 66)).splitlines()
    assert lines[0] == "changed (1)"  # what is not as it was comes first
    assert lines[-3:] == ["taken over (2)", "✓ rank → adapter.rank = 16", "✓ alpha → adapter.alpha = 32"]
    assert "– shift  belongs to generation, not to training" in lines


def test_report_of_our_own_says_what_it_changes() -> None:
    lines = str(report(import_text('{"settings": {"adapter": {"rank": 8}}}'), 66)).splitlines()
    assert lines[0] == "All of its settings are taken over."
    assert lines[-1].split() == ["adapter.rank", "8", "not", "64"]


@pytest.mark.parametrize("width", [46, 61, 75])
def test_tables_keep_to_their_width_whatever_the_values(width: int) -> None:
    long = {"samples": {"every_epochs": 20, "prompts": "曲 " * 200}, "training": {"gradient_accumulation": 16}}
    presets = [Preset("n" * 64, "", long), *shipped()]
    for preset in presets:
        tables = [compare(presets[0], preset, width), describe(preset, width)]
        head, rows = str(tables[0]).split("\n\n")[0], str(tables[1]).split("\n\n")[1]
        assert all(cell_len(line) <= width for line in (head + "\n" + rows).splitlines())
