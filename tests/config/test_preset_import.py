"""Presets of the older trainer: what is taken over, what is changed, what is dropped, and what is refused."""

import json
from pathlib import Path

import pytest

from sidestep_tui.config.fields import look_up
from sidestep_tui.config.presets.importing import import_file, import_given, import_text
from sidestep_tui.config.presets.old_fields import REASONS, UNKNOWN
from sidestep_tui.config.presets.preset import preset_problems
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


@pytest.mark.parametrize("name", ["max_steps", "target_loss", "adaptive_timestep_ratio"])
def test_a_zero_that_means_off_is_left_out_with_the_reason(name: str) -> None:
    imported = import_text(json.dumps({"name": "x", "rank": 8, name: 0}))
    left_out = [(note.old, note.why) for note in imported.of("dropped")]
    assert left_out == [(name, "0 switches it off, as is the default")]


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


REFUSED = {
    "bare object": ('{"a": 1}', "an object"),
    "word for a number": ('{"rank": "many"}', "must be a number"),
    "nan in quotes": ('{"rank": "nan"}', "must be a number"),
    "true for a number": ('{"rank": true}', "must be a number"),
    "word for a flag": ('{"rank": 8, "target_mlp": "yes"}', "true or false"),
    "numbers for modules": ('{"rank": 8, "target_modules_str": [1, 2]}', "names of modules"),
    "family": ('{"rank": 8, "adapter_type": "ia3"}', "not one of ours"),
    "name that climbs": ('{"rank": 8, "name": "../../etc/passwd"}', "cannot be a preset's name"),
    "list for a name": ('{"rank": 8, "name": ["a"]}', "not text"),
    "list for a description": ('{"rank": 8, "description": ["a"]}', "not text"),
    "thousands of fields": (json.dumps({"rank": 8, **{f"f{n}": n for n in range(500)}}), "no 501 fields"),
}


@pytest.mark.parametrize(("text", "what"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_the_reason_and_the_fix(text: str, what: str) -> None:
    with pytest.raises(SidestepError) as caught:
        import_text(text)
    assert what in caught.value.what
    assert caught.value.fix


def test_two_fields_for_one_setting_are_not_both_taken_over() -> None:
    imported = import_text(json.dumps({"epochs": 100, "max_epochs": 500}))
    assert look_up(imported.preset.settings, "training.epochs") == 100
    assert [(note.old, note.why) for note in imported.of("dropped")] == [("max_epochs", "epochs says it already")]


OLDER_WORDS = """target_modules_str self_target_modules_str cross_target_modules_str attention_type bias crop_mode
    optimizer_type scheduler_type scheduler_formula timestep_mode loss_weighting loss_fn weight_qtype"""
OLDER_FLAGS = """target_mlp use_dora gradient_checkpointing offload_encoder weight_quantize save_best
    lokr_decompose_both lokr_use_tucker lokr_use_scalar lokr_weight_decompose loha_use_tucker loha_use_scalar oft_coft
    channel_balance vae_channel_prior legacy_loss"""
OLDER_NUMBERS = """rank alpha dropout lokr_linear_dim lokr_linear_alpha lokr_factor loha_linear_dim loha_linear_alpha
    loha_factor oft_block_size oft_eps learning_rate batch_size gradient_accumulation epochs warmup_steps max_steps
    weight_decay max_grad_norm seed dataset_repeats shift num_inference_steps chunk_duration max_latent_length
    chunk_decay_every cfg_ratio snr_gamma huber_delta latent_noise t_bias save_every log_every log_heavy_every
    save_best_after early_stop_patience target_loss target_loss_floor target_loss_warmup target_loss_smoothing
    gradient_checkpointing_ratio ema_decay ema_start_step val_split adaptive_timestep_ratio warmup_start_factor
    cosine_eta_min_ratio cosine_restarts_count save_best_every_n_steps"""


def test_every_field_of_the_older_trainer_is_known() -> None:
    """A field that we do not know would be reported as `not a setting here`, which says nothing about why."""
    words, flags, numbers = (names.split() for names in (OLDER_WORDS, OLDER_FLAGS, OLDER_NUMBERS))
    old = {**dict.fromkeys(words, "none"), **dict.fromkeys(flags, True), **dict.fromkeys(numbers, 1)}
    notes = import_text(json.dumps(old)).notes
    assert sorted(note.old for note in notes) == sorted(old)
    assert [note.old for note in notes if note.why == UNKNOWN] == []
    own = ("there is no", "was ", "the formula cannot", "must be")  # with a value in them
    assert {note.why for note in notes if note.why and not note.why.startswith(own)} <= set(REASONS)


def test_what_is_given_is_a_preset_or_the_name_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"rank": 8}', encoding="utf-8")
    assert import_given(f" {file}\n").preset.name == "a"
    assert import_given('\ufeff\n{\n"rank": 8\n}\n').preset.name == "imported"
    with pytest.raises(SidestepError, match="neither a preset nor the name of a file"):
        import_given("dear friend,\nhere is my preset")
    for path, what in {"a\0b": "NUL", "~nobody-here/x.json": "home folder", str(tmp_path): "a folder"}.items():
        with pytest.raises(SidestepError, match=what):
            import_given(path)


def test_another_name_can_be_given() -> None:
    assert import_text('{"rank": 8, "name": "../x"}', "mine").preset.name == "mine"
    assert import_text('{"name": "con", "settings": {}}', "mine").preset.name == "mine"


def test_a_file_gives_its_name_where_the_preset_has_none(tmp_path: Path) -> None:
    file = tmp_path / "from friend.json"
    file.write_text('{"rank": 8}', encoding="utf-8")
    assert import_file(file).preset.name == "from friend"
