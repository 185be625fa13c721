"""What is said about presets."""

from collections.abc import Callable

from sidestep_tui.config.preset_changes import whole_settings
from sidestep_tui.config.preset_import import import_text
from sidestep_tui.config.presets import Preset
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.presets.describe import compare, describe, report

from .support import OLD

MakeApp = Callable[..., SidestepApp]


def test_description_says_what_is_not_the_default() -> None:
    lines = str(describe(Preset("x", "", {"adapter": {"rank": 8, "alpha": 128.0}}), 70)).splitlines()
    assert [line.split() for line in lines[-2:]] == [
        ["adapter.rank", "8", "not", "64"],
        ["adapter.alpha", "128", "default"],
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
