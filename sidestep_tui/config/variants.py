"""What a checkpoint decides where the settings say nothing, each with its reason, by one pure function for all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sidestep_tui.config.model import BaseVariant
from sidestep_tui.config.train import TrainSettings

TIMESTEP_MU: Final = -0.4
TIMESTEP_SIGMA: Final = 1.0
"""The timestep law of every published model; configs in the diffusers layout leave it out."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the noise is turned into music. `guidance_scale` None takes the pipeline's own."""

    steps: int
    shift: float
    guidance_scale: float | None


VARIANT_SAMPLING: Final[dict[BaseVariant, Sampling]] = {
    "turbo": Sampling(steps=8, shift=3.0, guidance_scale=1.0),
    "base": Sampling(steps=50, shift=1.0, guidance_scale=None),
    "sft": Sampling(steps=50, shift=1.0, guidance_scale=None),
}


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """What of a model decides defaults."""

    variant: BaseVariant
    is_xl: bool
    timestep_mu: float = TIMESTEP_MU
    timestep_sigma: float = TIMESTEP_SIGMA

    @classmethod
    def from_config(cls, variant: BaseVariant, is_xl: bool, config: Mapping[str, Any]) -> "ModelTraits":
        """The traits of a model with this `config.json`, of either layout."""
        mu, sigma = config.get("timestep_mu", TIMESTEP_MU), config.get("timestep_sigma", TIMESTEP_SIGMA)
        return cls(variant, is_xl, float(mu), float(sigma))

    @property
    def name(self) -> str:
        """`turbo`, `XL base`."""
        return f"XL {self.variant}" if self.is_xl else self.variant


@dataclass(frozen=True, slots=True)
class Chosen:
    """A value that was chosen for the user, and why."""

    value: float | int | str
    reason: str

    def __str__(self) -> str:
        value = f"{self.value:g}" if isinstance(self.value, float) else str(self.value)
        return f"{value}, {self.reason}"


def chosen_values(settings: TrainSettings, model: ModelTraits) -> dict[str, Chosen]:
    """The value and its reason for every setting that is open and that model or optimizer decide, by dotted path."""
    objective, optimizer, samples = settings.objective, settings.optimizer, settings.samples
    own, why = VARIANT_SAMPLING[model.variant], f"as {model.name} is sampled"
    chosen: dict[str, Chosen] = {}
    if objective.timesteps in ("model", "logit_normal"):
        law = "the law that the checkpoint was trained with"
        if objective.timestep_mu is None:
            chosen["objective.timestep_mu"] = Chosen(model.timestep_mu, law)
        if objective.timestep_sigma is None:
            chosen["objective.timestep_sigma"] = Chosen(model.timestep_sigma, law)
    if optimizer.learning_rate is None:
        chosen["optimizer.learning_rate"] = Chosen(optimizer.peak_rate, f"what {optimizer.name} is started with")
    if samples.steps is None:
        chosen["samples.steps"] = Chosen(own.steps, why)
    if samples.shift is None:
        chosen["samples.shift"] = Chosen(own.shift, why)
    if model.variant == "turbo":
        chosen["samples.guidance_scale"] = Chosen(1.0, "turbo is distilled with its guidance and takes no other")
    return chosen
