"""What is minimised: timesteps, loss weighting and condition dropout."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sidestep_tui.config.base import Section, Shown, When


class ObjectiveSettings(Section):
    """The flow-matching objective."""

    timesteps: Annotated[Literal["model", "logit_normal", "uniform", "turbo"], Shown("advanced")] = "model"
    """`model` is the model's own law (the larger of two logit-normal draws); `turbo` the eight of its sampler."""

    timestep_mu: Annotated[
        float | None, Field(ge=-5, le=5), Shown("advanced", when=When("objective.timesteps", ("model", "logit_normal")))
    ] = None
    """Mean of the normal draw; empty takes the checkpoint's own."""

    timestep_sigma: Annotated[
        float | None, Field(gt=0, le=5), Shown("advanced", when=When("objective.timesteps", ("model", "logit_normal")))
    ] = None
    """Deviation of the normal draw; empty takes the checkpoint's own."""

    adaptive: Annotated[bool, Shown("advanced")] = False
    """Draw timesteps more often where the loss is large, and weigh them down by as much: the same objective with less
    noise in its gradient (arXiv:2102.09672). Measured in eight bands while training."""

    timestep_low: Annotated[float, Field(ge=0, le=1), Shown("advanced")] = 0.0
    """Focus band: draws are mapped into [low, high]. 1 is noise (structure), 0 is the song (texture)."""

    timestep_high: Annotated[float, Field(ge=0, le=1), Shown("advanced")] = 1.0
    """Upper end of the focus band."""

    weighting: Annotated[Literal["flat", "min_snr"], Shown("advanced")] = "flat"
    """`flat` is the model's own; `min_snr` damps the easy low-noise timesteps (arXiv:2303.09556, velocity form)."""

    min_snr_gamma: Annotated[
        float, Field(gt=0, le=100), Shown("advanced", when=When("objective.weighting", ("min_snr",)))
    ] = 5.0
    """Signal-to-noise ratio above which a timestep is damped."""

    condition_dropout: Annotated[float, Field(ge=0, le=1), Shown("advanced")] = 0.15
    """Share of samples whose condition is replaced by the null condition, so that guidance keeps working."""

    @model_validator(mode="after")
    def _band_is_open(self) -> "ObjectiveSettings":
        if self.timestep_low >= self.timestep_high:
            raise ValueError("timestep_low must be below timestep_high")
        return self
