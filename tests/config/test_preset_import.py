"""Presets of the older trainer: what is taken over, what is changed, what is dropped, and what is refused."""

import json
from pathlib import Path

import pytest

from sidestep_tui.config.fields import look_up
from sidestep_tui.config.preset_import import import_file, import_text
from sidestep_tui.config.presets import LARGEST_BYTES, preset_problems
from sidestep_tui.errors import SidestepError

OLD = {
    "name": "my voice",
    "description": "a flat preset",
    "adapter_type": "lora",
    "rank": 16,
    "alpha": 32,
    "dropout": "0.1",
    "target_modules_str": "q_proj v_proj",
    "attention_type": "cross",
    "bias": "none",
    "learning_rate": 3e-4,
    "batch_size": 2,
    "gradient_accumulation": 8,
    "max_epochs": 500,
    "max_steps": 0,
    "optimizer_type": "prodigy-of-2019",
    "scheduler_type": "constant_with_warmup",
    "cfg_ratio": 0.2,
    "loss_weighting": "none",
    "shift": 3.0,
    "gradient_checkpointing": True,
    "gradient_checkpointing_ratio": 0.5,
    "chunk_duration": 60,
    "offload_encoder": True,
    "cheese": 1,
}


def test_old_fields_become_settings() -> None:
    imported = import_text(json.dumps(OLD))
    expected = {
        "adapter.family": "lora",
        "adapter.rank": 16,
        "adapter.dropout": 0.1,
        "adapter.targets.projections": ["q", "v"],
        "adapter.targets.attention": "cross",
        "optimizer.learning_rate": 3e-4,
        "optimizer.name": "adamw",
        "training.epochs": 500,
        "training.gradient_accumulation": 8,
        "schedule.name": "constant",
        "objective.condition_dropout": 0.2,
        "objective.weighting": "flat",
        "memory.checkpointing": "half",
        "data.crop_seconds": 60.0,
    }
    assert {path: look_up(imported.preset.settings, path) for path in expected} == expected
    assert imported.preset.name == "my voice"
    assert preset_problems(imported.preset.settings) == ()


def test_report_names_every_field_once() -> None:
    notes = import_text(json.dumps(OLD)).notes
    assert sorted(note.old for note in notes) == sorted(set(OLD) - {"name", "description"})


def test_report_says_what_was_changed_and_dropped() -> None:
    imported = import_text(json.dumps(OLD))
    changed = {note.old for note in imported.of("changed")}
    dropped = {note.old: note.why for note in imported.of("dropped")}
    assert changed == {"optimizer_type", "scheduler_type", "loss_weighting"}
    assert dropped["shift"] == "belongs to generation, not to training"
    assert dropped["cheese"] == "is not a setting here"
    assert {"bias", "offload_encoder", "max_steps", "gradient_checkpointing_ratio"} < set(dropped)


@pytest.mark.parametrize(
    ("document", "path", "value"),
    [
        ({"adapter_type": "lokr", "lokr_linear_dim": 8, "lokr_factor": 4, "rank": 99}, "adapter.rank", 8),
        ({"adapter_type": "loha", "loha_linear_dim": 24}, "adapter.rank", 24),
        ({"adapter_type": "oft", "oft_block_size": 64}, "adapter.block_size", 64),
        ({"adapter_type": "lora", "use_dora": True, "rank": 8}, "adapter.family", "dora"),
        ({"max_latent_length": 1500}, "data.crop_seconds", 60.0),
        ({"self_target_modules_str": "q_proj", "cross_target_modules_str": "v_proj"},
         "adapter.targets.projections", ["q", "v"]),
        ({"timestep_mode": "discrete"}, "objective.timesteps", "turbo"),
        ({"gradient_checkpointing": False, "gradient_checkpointing_ratio": 1.0}, "memory.checkpointing", "none"),
    ],
)  # fmt: skip
def test_families_and_special_fields(document: dict[str, object], path: str, value: object) -> None:
    settings = import_text(json.dumps({"name": "x", **document})).preset.settings
    assert look_up(settings, path) == value
    assert preset_problems(settings) == ()


def test_a_value_out_of_bounds_is_dropped_with_the_reason() -> None:
    imported = import_text(json.dumps({"rank": 5000, "epochs": 3}))
    assert [(note.old, note.why) for note in imported.of("dropped")] == [("rank", "must be at most 1024, not 5000")]
    assert look_up(imported.preset.settings, "adapter.rank") is None


def test_a_section_that_contradicts_itself_is_dropped_field_by_field() -> None:
    imported = import_text(
        json.dumps({"rank": 8, "scheduler_type": "formula", "scheduler_formula": "", "warmup_steps": 5})
    )
    assert "schedule" not in imported.preset.settings
    assert {note.old for note in imported.of("dropped")} == {"scheduler_type", "scheduler_formula", "warmup_steps"}


def test_a_formula_is_taken_over() -> None:
    imported = import_text(json.dumps({"scheduler_type": "formula", "scheduler_formula": "1 - progress"}))
    assert imported.preset.settings["schedule"] == {"name": "formula", "formula": "1 - progress"}


def test_our_own_preset_passes_through_unreported() -> None:
    text = json.dumps({"name": "ours", "settings": {"adapter": {"rank": 8}}})
    imported = import_text(text)
    assert imported.notes == ()
    assert imported.preset.settings == {"adapter": {"rank": 8}}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "not JSON"),
        ("[1]", "an object"),
        ('{"a": 1}', "an object"),
        ('{"rank": "many"}', "must be a number"),
        ('{"rank": 8, "target_mlp": "yes"}', "true or false"),
        ('{"rank": 8, "adapter_type": "ia3"}', "not one of ours"),
        ('{"rank": 8, "name": "../../etc/passwd"}', "cannot be a preset's name"),
        ('{"rank": 8, "name": ["a"]}', "not text"),
        ('{"name": 7, "settings": {}}', "not text"),
        ('{"name": "CON", "settings": {}}', "cannot be a preset's name"),
        ('{"name": "a", "settings": {"adapter": {"rang": 8}}}', "adapter.rang"),
        ('{"name": "a", "settings": {"adapter": {"rank": "eight"}}}', "whole number"),
        ('{"name": "a", "settings": {"model": {"checkpoint": "/m"}}}', "stays out of presets"),
        ('{"name": "a", "settings": {}, "run": "rm"}', "Unknown in a preset: run"),
        ('{"name": "a", "settings": ' + '{"a":' * 60 + "1" + "}" * 60 + "}", "nested too deeply"),
        ('{"name": "a", "settings": {"optimizer": {"learning_rate": NaN}}}', "learning_rate"),
        ("[" * 100_000, "not JSON"),
        (" " * (LARGEST_BYTES + 1), "at most 1 MB"),
    ],
)
def test_refusals_name_the_reason(text: str, what: str) -> None:
    with pytest.raises(SidestepError) as caught:
        import_text(text)
    assert what in str(caught.value)


def test_a_file_over_one_megabyte_is_not_even_read(tmp_path: Path) -> None:
    file = tmp_path / "big.json"
    file.write_bytes(b"\xff" * (LARGEST_BYTES + 1))
    with pytest.raises(SidestepError, match="at most 1 MB"):
        import_file(file)


def test_a_file_gives_its_name_where_the_preset_has_none(tmp_path: Path) -> None:
    file = tmp_path / "from friend.json"
    file.write_text('{"rank": 8}', encoding="utf-8")
    assert import_file(file).preset.name == "from friend"
