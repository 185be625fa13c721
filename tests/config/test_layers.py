"""Settings in layers: who wins, where a value came from, and what is said about one that cannot be used."""

import pytest

from sidestep_tui.config.fields import put
from sidestep_tui.config.layers import Layer, merge, merge_layers, problems_of, resolve
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import UsageError

NEEDED = {"model": {"checkpoint": "m"}, "data": {"tensors": "t"}}


def test_later_layers_win_and_every_value_knows_its_layer():
    layers = [
        Layer("preset mine", {"adapter": {"rank": 8}, "optimizer": {"learning_rate": 1e-3}}),
        Layer("file a.json", {"optimizer": {"learning_rate": 2e-3, "beta1": 0.8}}),
        Layer("the command line", {**NEEDED, "optimizer": {"beta1": "0.7"}}),
    ]
    settings = resolve(TrainSettings, layers)
    assert settings.adapter.rank == 8
    assert (settings.optimizer.learning_rate, settings.optimizer.beta1, settings.optimizer.beta2) == (2e-3, 0.7, 0.999)
    _, origins = merge_layers(layers)
    assert origins == {
        "adapter.rank": "preset mine",
        "optimizer.learning_rate": "file a.json",
        "optimizer.beta1": "the command line",
        "model.checkpoint": "the command line",
        "data.tensors": "the command line",
    }


def test_merging_changes_neither_layer():
    lower, upper = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge(lower, upper) == {"a": {"b": 1, "c": 2}}
    assert (lower, upper) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_the_same_family_keeps_what_lies_below():
    below = {"adapter": {"family": "lokr", "rank": 8}}
    assert merge(below, {"adapter": {"factor": 4}}) == {"adapter": {"family": "lokr", "rank": 8, "factor": 4}}
    assert merge({"adapter": {"rank": 8}}, {"adapter": {"family": "lora"}}) == {
        "adapter": {"rank": 8, "family": "lora"}
    }


def test_another_family_keeps_only_what_all_families_share():
    below = {"adapter": {"rank": 8, "alpha": 16.0, "targets": {"mlp": False}, "targets_from": "ranking.json"}}
    merged, origins = merge_layers(
        [Layer("preset", below), Layer("flag", {"adapter": {"family": "oft", "block_size": 16}})]
    )
    assert merged == {
        "adapter": {"family": "oft", "block_size": 16, "targets": {"mlp": False}, "targets_from": "ranking.json"}
    }
    assert origins["adapter.targets.mlp"] == "preset"
    assert "adapter.rank" not in origins


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("optimizer.learning_rate", 0, "must be more than 0, not 0"),
        ("optimizer.learning_rate", "fast", "must be a number, not 'fast'"),
        ("optimizer.learning_rate", float("nan"), "must be a finite number, not nan"),
        ("adapter.targets.layers", "one", "cannot be 'one'; its help says how it is written"),
        ("adapter.targets.projections", (), "must have 1 or more entries"),
        ("training.epochs", 2.5, "must be a whole number, not 2.5"),
        ("training.epochs", 0, "must be at least 1, not 0"),
        ("training.seed", 2**31, f"must be less than {2**31}, not {2**31}"),
        ("validation.songs", 1001, "must be at most 1000, not 1001"),
        ("memory.checkpointing", "some", "must be one of none, half, all, offload, auto, not some"),
        ("data.crop_seconds", 0.0, "must be at least 1, not 0"),
        ("model.precision", "", "must be one of auto, float32, bfloat16, not empty"),
        ("data.weights", "'", 'must be a list; "\'" cannot be read as one'),
        ("adapter.targets.mlp", "perhaps", "must be true or false, not 'perhaps'"),
        ("adapter.family", "lura", "must be one of lora, dora, lokr, loha, oft, not lura"),
        ("adapter.block_size", 8, "is a setting of oft, not of lora"),
        ("adapter.blocksize", 8, "is not a setting (here)"),
        ("training.epoch", 8, "is not a setting (here)"),
    ],
)
def test_problems_are_told_in_plain_words_under_the_dotted_path(path, value, message):
    problem, *others = problems_of(TrainSettings, put(NEEDED, path, value))
    assert others == []
    assert problem.message == message
    assert problem.path in (path, "adapter")


def test_all_problems_are_told_at_once_with_their_layers():
    layers = [
        Layer("preset mine", {"adapter": {"rank": 0}}),
        Layer("the command line", {"data": {"tensors": "t"}, "training": {"epochs": 0}}),
    ]
    with pytest.raises(UsageError) as caught:
        resolve(TrainSettings, layers)
    assert "adapter.rank: must be at least 1, not 0" in caught.value.what
    assert "training.epochs: must be at least 1, not 0" in caught.value.what
    assert "model.checkpoint: is required" in caught.value.what
    assert caught.value.where == "preset mine, settings, the command line"


def test_an_unknown_group_is_told_with_the_file_that_it_stands_in():
    layers = [Layer("file my.json", {"trainin": {"epochs": 3}}), Layer("the command line", NEEDED)]
    with pytest.raises(UsageError) as caught:
        resolve(TrainSettings, layers)
    assert (caught.value.what, caught.value.where) == ("trainin: is not a setting (here)", "file my.json")


def test_a_rule_between_two_settings_is_told_too():
    document = put(put(NEEDED, "objective.timestep_low", 0.8), "objective.timestep_high", 0.2)
    problem, *_ = problems_of(TrainSettings, document)
    assert (problem.path, problem.message) == ("objective", "timestep_low must be below timestep_high")


def test_a_rule_between_two_sections_is_told_without_a_place_and_with_the_layer_of_what_it_names():
    layers = [
        Layer("preset mine", {**NEEDED, "memory": {"graphs": True}}),
        Layer("the command line", {"objective": {"prior_weight": 1.0, "prior_prompts": "a waltz"}}),
    ]
    with pytest.raises(UsageError) as caught:
        resolve(TrainSettings, layers)
    assert caught.value.what.startswith("memory.graphs needs objective.prior_weight 0")
    assert caught.value.where == "preset mine"


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1"])
def test_one_card_is_not_given_to_several_processes(device):
    document = put(put(NEEDED, "training.processes", 2), "model.device", device)
    (problem,) = problems_of(TrainSettings, document)
    assert "each process takes a card of its own" in problem.message
    assert not problems_of(TrainSettings, put(document, "model.device", "cuda"))
    assert not problems_of(TrainSettings, put(document, "training.processes", 1))
