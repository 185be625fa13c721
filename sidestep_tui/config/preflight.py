"""The settings of a preflight: those of the training run that it measures, and how it measures."""

from typing import Annotated, Literal

from pydantic import Field

from sidestep_tui.config.base import Section, Shown
from sidestep_tui.config.train import TrainSettings

Policies = Literal["chosen", "fit", "fastest"]


class MeasureSettings(Section):
    """How a preflight measures."""

    policies: Annotated[Policies, Shown()] = "chosen"
    """`chosen` measures the settings as they are. `fit` tries memory.checkpointing none, half, all and offload, from
    the fastest to the smallest, until one fits; so does memory.checkpointing auto. `fastest` goes on with the one that
    fits, tries memory.compile and memory.graphs with it, alone and together, and says which of them are worth it."""

    steps: Annotated[int, Field(ge=2, le=100), Shown("advanced", unit="steps")] = 5
    """Steps that are timed, after a warm-up."""


class PreflightSettings(TrainSettings):
    """Measure what a training run takes on this machine, before it begins: memory, seconds a step, time, disk."""

    preflight: MeasureSettings = MeasureSettings()

    def training_run(self) -> TrainSettings:
        """The settings of the run itself."""
        return TrainSettings.model_validate(self.model_dump(exclude={"preflight"}))
