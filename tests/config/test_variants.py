"""What a checkpoint decides, and the reason that people read."""

from typing import Any

import pytest

from sidestep_tui.config.model import BaseVariant
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.config.variants import ModelTraits, chosen_values


def settings(**sections: Any) -> TrainSettings:
    return TrainSettings.model_validate({"model": {"checkpoint": "m"}, "data": {"tensors": "t"}, **sections})


@pytest.mark.parametrize(("variant", "steps", "shift"), [("turbo", 8, 3.0), ("base", 50, 1.0), ("sft", 50, 1.0)])
def test_each_variant_decides_its_own(variant: BaseVariant, steps: int, shift: float) -> None:
    chosen = chosen_values(settings(), ModelTraits.from_config(variant, False, {"timestep_mu": 0.5}))
    assert (chosen["samples.steps"].value, chosen["samples.shift"].value) == (steps, shift)
    assert (chosen["objective.timestep_mu"].value, chosen["objective.timestep_sigma"].value) == (0.5, 1.0)
    assert ("samples.guidance_scale" in chosen) == (variant == "turbo")
    assert str(chosen["samples.steps"]) == f"{steps}, as {variant} is sampled"


def test_configs_of_the_diffusers_layout_mean_the_published_law() -> None:
    traits = ModelTraits.from_config("sft", True, {})
    assert (traits.timestep_mu, traits.timestep_sigma, traits.name) == (-0.4, 1.0, "XL sft")


def test_what_is_said_or_has_no_meaning_is_not_chosen() -> None:
    said = settings(
        objective={"timesteps": "turbo"},
        optimizer={"learning_rate": 1e-3},
        samples={"steps": 4, "shift": 2.0},
    )
    assert chosen_values(said, ModelTraits("base", False)) == {}


def test_what_is_minimised_without_a_word_is_what_the_model_was_trained_with() -> None:
    objective = settings().objective
    assert (objective.timesteps, objective.condition_dropout, objective.weighting) == ("model", 0.15, "flat")
    assert (objective.timestep_low, objective.timestep_high, objective.adaptive) == (0.0, 1.0, False)
    assert (objective.timestep_mu, objective.timestep_sigma, objective.prior_weight) == (None, None, 0.0)
