"""What is minimised: timesteps, loss weighting and condition dropout."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sidestep_tui.config.base import Section, Shown, When, split_captions

TimestepLaw = Literal["model", "logit_normal", "uniform", "turbo"]


class ObjectiveSettings(Section):
    """The flow-matching objective."""

    timesteps: Annotated[TimestepLaw, Shown("advanced")] = "model"
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

    prior_weight: Annotated[float, Field(ge=0, le=100), Shown("advanced")] = 0.0
    """Weight of prior preservation: on `prior_prompts` the adapted model must keep saying what the model says without
    the adapter (after arXiv:2208.12242), so that it does not forget other music. Each such step takes about twice as
    long. 0 switches it off."""

    prior_prompts: Annotated[str, Field(max_length=20_000), Shown("advanced")] = ""
    """Captions of music that must not change, separated by `|`: broad ones, unlike your songs."""

    prior_every: Annotated[int, Field(ge=1, le=10_000), Shown("advanced", unit="steps")] = 1
    """Apply it at every so many steps."""

    prior_seconds: Annotated[float, Field(ge=1, le=600), Shown("advanced", unit="seconds")] = 30.0
    """Length of the music that the model generates from these captions before training, to be preserved on."""

    @model_validator(mode="after")
    def _prior_has_prompts(self) -> "ObjectiveSettings":
        if self.prior_weight > 0 and not split_captions(self.prior_prompts):
            raise ValueError("prior_weight needs prior_prompts: captions of music that must not change")
        return self

    @model_validator(mode="after")
    def _band_is_open(self) -> "ObjectiveSettings":
        if self.timestep_low >= self.timestep_high:
            raise ValueError("timestep_low must be below timestep_high")
        return self
