"""How the adapter's weights move: optimizer, learning-rate schedule, steps and averages."""

from typing import Annotated, Literal

from pydantic import Field

from sidestep_tui.config.base import Section, Shown, When


class OptimizerSettings(Section):
    """The optimizer of the adapter's weights."""

    name: Annotated[Literal["adamw"], Shown()] = "adamw"
    """AdamW (arXiv:1711.05101), fused where the device has it."""

    learning_rate: Annotated[float, Field(gt=0, le=10), Shown(short="lr")] = 1e-4
    """Peak learning rate, reached after the warm-up."""

    weight_decay: Annotated[float, Field(ge=0, le=1), Shown("advanced")] = 0.01
    """Decoupled weight decay of the adapter's weights."""

    beta1: Annotated[float, Field(ge=0, lt=1), Shown("advanced")] = 0.9
    """Decay of the gradient's running mean."""

    beta2: Annotated[float, Field(ge=0, lt=1), Shown("advanced")] = 0.999
    """Decay of the squared gradient's running mean."""

    epsilon: Annotated[float, Field(gt=0, le=1e-2), Shown("advanced")] = 1e-8
    """Added to the denominator of the update."""

    gradient_clip: Annotated[float, Field(ge=0), Shown("advanced")] = 1.0
    """Largest norm of the whole gradient; 0 switches clipping off."""


class ScheduleSettings(Section):
    """The learning rate over the optimizer steps of the run."""

    name: Annotated[Literal["cosine", "linear", "polynomial", "cosine_restarts", "constant"], Shown()] = "cosine"
    """Shape after the warm-up: it falls from the peak to `final_ratio` of it, or stays."""

    warmup_steps: Annotated[int, Field(ge=0), Shown(unit="steps")] = 100
    """Optimizer steps from a tenth of the peak up to it, linearly. At most a tenth of a short run is used."""

    final_ratio: Annotated[
        float,
        Field(ge=0, le=1),
        Shown("advanced", when=When("schedule.name", ("cosine", "linear", "polynomial", "cosine_restarts"))),
    ] = 0.01
    """The last step's learning rate as a share of the peak."""

    power: Annotated[float, Field(gt=0, le=10), Shown("advanced", when=When("schedule.name", ("polynomial",)))] = 2.0
    """Exponent of the polynomial fall."""

    restarts: Annotated[
        int, Field(ge=1, le=100), Shown("advanced", when=When("schedule.name", ("cosine_restarts",)))
    ] = 3
    """Number of cosine falls in the run."""


class TrainingSettings(Section):
    """How long, in which portions, and from which seed."""

    epochs: Annotated[int, Field(ge=1, le=100_000), Shown(unit="epochs", short="epochs")] = 100
    """Passes over the data set. About 800 for 10 to 20 songs, 500 for 100; stop when validation rises."""

    max_steps: Annotated[int | None, Field(ge=1), Shown("advanced", unit="steps", short="max-steps")] = None
    """Stop after this many optimizer steps, whatever the epochs say."""

    batch_size: Annotated[int, Field(ge=1, le=64), Shown(unit="songs")] = 1
    """Songs in one forward pass. Songs of unequal length are padded and masked."""

    gradient_accumulation: Annotated[int, Field(ge=1, le=256), Shown(unit="micro-batches")] = 1
    """Micro-batches whose gradients make one optimizer step."""

    seed: Annotated[int, Field(ge=0, lt=2**31), Shown("advanced", short="seed")] = 42
    """Noise, timesteps, dropout, crops and order are functions of it and of the step."""

    ema_decay: Annotated[float, Field(ge=0, lt=1), Shown("advanced")] = 0.0
    """Decay of an exponential moving average of the adapter, saved beside the raw weights; 0 keeps none."""
