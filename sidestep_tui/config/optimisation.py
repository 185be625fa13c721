"""How the adapter's weights move: optimizer, learning-rate schedule, steps and averages."""

import math
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from sidestep_tui.config.base import Section, Shown, When

OptimizerName = Literal["adamw", "adamw8bit", "adafactor", "prodigy", "schedule_free", "came"]

DEFAULT_RATES: Final[dict[OptimizerName, float]] = {
    "adamw": 1e-4,
    "adamw8bit": 1e-4,
    "adafactor": 1e-2,
    "prodigy": 1.0,
    "schedule_free": 5e-4,
    "came": 1e-4,
}
_SHAPED: Final = ("cosine", "linear", "polynomial", "cosine_restarts")


class OptimizerSettings(Section):
    """The optimizer of the adapter's weights."""

    name: Annotated[OptimizerName, Shown()] = "adamw"
    """adamw is the safe choice; prodigy finds its own rate; schedule_free needs no schedule; adamw8bit, adafactor and
    came keep smaller states."""

    learning_rate: Annotated[float | None, Field(gt=0, le=10), Shown(short="lr")] = None
    """Peak learning rate, reached after the warm-up. Empty takes the optimizer's own: 1e-4; schedule_free 5e-4,
    adafactor 0.01, prodigy 1."""

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

    @model_validator(mode="after")
    def _averages_something(self) -> "OptimizerSettings":
        if self.name == "schedule_free" and self.beta1 == 0:
            raise ValueError("schedule_free needs beta1 above 0: it is the weight of its average")
        return self

    @property
    def peak_rate(self) -> float:
        """The learning rate, or the optimizer's own where none is set."""
        return DEFAULT_RATES[self.name] if self.learning_rate is None else self.learning_rate


def evaluate_formula(formula: str, progress: float, step: int, total: int) -> float:
    """The value of a user's schedule formula; nothing but arithmetic can be written in it.

    Raises:
        ValueError: it cannot be evaluated, or is not a number from 0 to 10.
    """
    from simpleeval import SimpleEval

    functions = {"min": min, "max": max, "sqrt": math.sqrt, "exp": math.exp, "cos": math.cos, "sin": math.sin}
    names = {"progress": progress, "step": step, "total": total, "pi": math.pi}
    try:
        value = float(SimpleEval(functions=functions, names=names).eval(formula))
    except Exception as error:
        raise ValueError(f"the formula cannot be evaluated: {error}") from error
    if not 0 <= value <= 10:
        raise ValueError(f"the formula gives {value:g} at progress {progress:g}; it must lie between 0 and 10")
    return value


class ScheduleSettings(Section):
    """The learning rate over the optimizer steps of the run."""

    name: Annotated[Literal["cosine", "linear", "polynomial", "cosine_restarts", "constant", "formula"], Shown()] = (
        "cosine"
    )
    """Shape after the warm-up: it falls from the peak to `final_ratio` of it, or stays, or follows your formula."""

    warmup_steps: Annotated[int, Field(ge=0), Shown(unit="steps")] = 100
    """Optimizer steps from a tenth of the peak up to it, linearly. At most a tenth of a short run is used."""

    final_ratio: Annotated[
        float,
        Field(ge=0, le=1),
        Shown("advanced", when=When("schedule.name", _SHAPED)),
    ] = 0.01
    """The last step's learning rate as a share of the peak."""

    power: Annotated[float, Field(gt=0, le=10), Shown("advanced", when=When("schedule.name", ("polynomial",)))] = 2.0
    """Exponent of the polynomial fall."""

    restarts: Annotated[
        int, Field(ge=1, le=100), Shown("advanced", when=When("schedule.name", ("cosine_restarts",)))
    ] = 3
    """Number of cosine falls in the run."""

    formula: Annotated[
        str | None, Field(max_length=300), Shown("advanced", when=When("schedule.name", ("formula",)))
    ] = None
    """Share of the peak rate as a formula of `progress` (0 to 1), `step` and `total`, with min, max, sqrt, exp, cos,
    sin and pi: `max(0.1, 1 - progress**2)`."""

    @field_validator("formula")
    @classmethod
    def _can_be_evaluated(cls, value: str | None) -> str | None:
        if value is not None:
            for progress in (0.0, 0.5, 1.0):
                evaluate_formula(value, progress, int(progress * 100), 100)
        return value

    @model_validator(mode="after")
    def _has_its_formula(self) -> "ScheduleSettings":
        if self.name == "formula" and self.formula is None:
            raise ValueError("a formula schedule needs schedule.formula")
        return self


class TrainingSettings(Section):
    """How long, in which portions, and from which seed."""

    epochs: Annotated[int, Field(ge=1, le=100_000), Shown(unit="epochs", short="epochs")] = 100
    """Passes over the data set. About 800 for 10 to 20 songs, 500 for 100; stop when validation rises."""

    max_steps: Annotated[int | None, Field(ge=1), Shown("advanced", unit="steps", short="max-steps")] = None
    """Stop after this many optimizer steps, whatever the epochs say."""

    target_loss: Annotated[float | None, Field(gt=0, le=100), Shown("advanced")] = None
    """A training loss that is low enough: near it the learning rate is damped, and the run ends when the mean loss has
    stayed below it. Empty trains to the end."""

    target_window: Annotated[int, Field(ge=1, le=100_000), Shown("advanced", unit="steps")] = 100
    """Steps over which the loss is averaged for the target, and for which it must stay below."""

    batch_size: Annotated[int, Field(ge=1, le=64), Shown(unit="songs")] = 1
    """Songs in one forward pass. Songs of unequal length are padded and masked."""

    gradient_accumulation: Annotated[int, Field(ge=1, le=256), Shown(unit="micro-batches")] = 1
    """Micro-batches whose gradients make one optimizer step."""

    processes: Annotated[int, Field(ge=1, le=64), Shown("advanced", short="gpus", unit="processes")] = 1
    """Processes that share every step, one for each card. Each takes `gradient_accumulation` micro-batches of it."""

    sharding: Annotated[Literal["none", "fsdp"], Shown("advanced", resumable=True)] = "none"
    """With several processes: `none` keeps the whole model on each card (data parallel), `fsdp` cuts the frozen weights
    over the cards, for a model that does not fit on one. The same numbers; slower."""

    seed: Annotated[int, Field(ge=0, lt=2**31), Shown("advanced", short="seed")] = 42
    """Noise, timesteps, dropout, crops and order are functions of it and of the step."""

    ema_decay: Annotated[float, Field(ge=0, lt=1), Shown("advanced")] = 0.0
    """Decay of an exponential moving average of the adapter, saved beside the raw weights; 0 keeps none."""
