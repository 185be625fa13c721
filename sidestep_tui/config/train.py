"""The settings of a training run: the document behind `sidestep train`, its presets and the wizard."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from sidestep_tui.config.adapter import AdapterSettings, LoraSettings, has_dropout
from sidestep_tui.config.base import Section, Shown
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.config.optimisation import OptimizerSettings, ScheduleSettings, TrainingSettings
from sidestep_tui.config.samples import SampleSettings

Residence = Literal["auto", "device", "memory", "stream"]
Checkpointing = Literal["none", "half", "all", "offload", "auto"]
Quantised = Literal["int8", "fp8", "nf4"]
MOST_BLOCKS: Final = 64
"""More than any published model has."""
_SMALLEST_SET_WITH_VALIDATION: Final = 4


class DataSettings(Section):
    """The preprocessed songs."""

    tensors: Annotated[Path, Shown(personal=True, resumable=True)]
    """A folder written by `sidestep preprocess`."""

    more_tensors: Annotated[tuple[Path, ...], Shown("advanced", personal=True)] = ()
    """Further folders to train on as well, made with the same model."""

    weights: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Shown("advanced", personal=True)] = ()
    """Shares of an epoch, one number for `tensors` and one for each further folder; an epoch stays as long as all songs
    together, and over the epochs a folder's songs are seen equally often. Empty: every song once."""

    crop_seconds: Annotated[float | None, Field(ge=1, le=600), Shown(unit="seconds")] = None
    """Train on windows of this length, whose starts cover each song evenly over the epochs; empty takes whole songs."""

    genre_ratio: Annotated[float | None, Field(ge=0, le=1), Shown("advanced")] = None
    """Share of samples, drawn anew in every epoch, that are told the song's genre instead of its caption, where both
    were encoded (`sidestep preprocess --encode_genre`); empty keeps the choice that was made when they were encoded."""

    fresh_latents: Annotated[bool, Shown("advanced")] = True
    """Draw the latents anew from the encoder's distribution in every epoch, instead of its mean."""

    residence: Annotated[Residence, Shown("advanced", resumable=True)] = "auto"
    """Where the songs live: on the device, in memory, or on disk, read crop by crop; the run's numbers are the same.
    `auto` takes memory for a set that fits into a quarter of what is free, and streams a larger one."""

    @model_validator(mode="after")
    def _a_weight_for_every_folder(self) -> "DataSettings":
        if self.weights and len(self.weights) != 1 + len(self.more_tensors):
            raise ValueError(f"weights needs one number for each folder: {1 + len(self.more_tensors)} in all")
        return self


def _blocks_of_a_switch(value: object) -> object:
    """`true` and `false` mean all blocks and none: presets and runs may have been written when this was a switch."""
    return MOST_BLOCKS * value if isinstance(value, bool) else value


class MemorySettings(Section):
    """What is traded for card memory."""

    checkpointing: Annotated[Checkpointing, Shown(resumable=True)] = "all"
    """Recompute the activations of no layer, every second one, or all: less memory, slower, same numbers. `offload`
    recomputes all of them and keeps what they start from in the host's memory. `auto` takes the fastest that fits into
    what is free, as a preflight measured it, else as estimated."""

    attention: Annotated[Literal["banded", "reference"], Shown("advanced", resumable=True)] = "banded"
    """`banded` computes windowed layers in windows; `reference` is the library's dense mask, for comparison."""

    weights: Annotated[Literal["full", Quantised], Shown("advanced")] = "full"
    """How the frozen weights of the blocks are kept: `full` as model.precision says, or quantised to 8 bits (`int8`,
    `fp8`) or 4 (`nf4`, with bitsandbytes), and widened while they are used: less memory, slower, and a model that is
    a little rounded while the adapter learns on it. The adapter itself is never quantised."""

    compile: Annotated[bool, Shown("advanced", resumable=True)] = False
    """Let torch compile the blocks: faster steps after half a minute or more of compiling, the same numbers within
    rounding. Needs a C++ compiler, on a card also Triton; where it fails, the run says so and goes on without."""

    graphs: Annotated[bool, Shown("advanced", resumable=True)] = False
    """On a CUDA card, record the steps of songs of like length once and replay them, so that the card does not wait for
    its host: faster where songs are short or much is recomputed. Where the first recording does not give the gradients
    that it repeats, the run says so and goes on without."""

    stream_blocks: Annotated[
        int,
        Field(ge=0, le=MOST_BLOCKS),
        BeforeValidator(_blocks_of_a_switch),
        Shown("advanced", "blocks", resumable=True),
    ] = 0
    """How many frozen blocks live in the host's memory; each is copied to the card while another computes, two at a
    time: a model larger than the card can train on it. 2B models have 24, XL models 32; more means all. The same
    numbers; slower where the copies take longer than the work."""


class ValidationSettings(Section):
    """Songs kept out of training, to see over-fitting."""

    songs: Annotated[int, Field(ge=0, le=1000), Shown(unit="songs")] = 1
    """How many songs are drawn to be held out, at most half of them; 0 draws none. Sets of fewer than four songs hold
    none out. Songs that the data set marks as `held_out` are held out instead, whatever stands here."""

    every_epochs: Annotated[int, Field(ge=1), Shown("advanced", unit="epochs", resumable=True)] = 10
    """How often the held-out songs are measured, on fixed noise and timesteps."""

    draws: Annotated[int, Field(ge=1, le=64), Shown("advanced")] = 6
    """Fixed timesteps per song, spread evenly over three bands."""

    patience: Annotated[int | None, Field(ge=1, le=1000), Shown("advanced", unit="validations")] = None
    """Stop after so many validations without a new best; empty trains to the end."""


def songs_drawn(asked: int, songs: int) -> int:
    """How many of so many songs are held out where the data set marks none: what is asked for, never most of them."""
    return 0 if songs < _SMALLEST_SET_WITH_VALIDATION else min(asked, songs // 2)


class CheckpointSettings(Section):
    """What is saved while training, and how much of it is kept."""

    every_epochs: Annotated[int, Field(ge=1), Shown(unit="epochs", resumable=True)] = 10
    """Save after every so many epochs."""

    every_steps: Annotated[int | None, Field(ge=1), Shown("advanced", unit="steps", resumable=True)] = None
    """Also save after every so many optimizer steps."""

    keep_last: Annotated[int, Field(ge=1, le=1000), Shown("advanced", resumable=True)] = 3
    """Older checkpoints beyond this many are removed; the best and the final ones stay."""


class LoggingSettings(Section):
    """What is written beside the run's own event log."""

    tensorboard: Annotated[bool, Shown("advanced", resumable=True)] = True
    """Also write the curves for TensorBoard, into the run's `tensorboard` folder."""


class TrainSettings(Section):
    """Train an adapter on preprocessed songs."""

    model: ModelSettings
    data: DataSettings
    adapter: AdapterSettings = LoraSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    training: TrainingSettings = TrainingSettings()
    memory: MemorySettings = MemorySettings()
    validation: ValidationSettings = ValidationSettings()
    samples: SampleSettings = SampleSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    logging: LoggingSettings = LoggingSettings()

    @model_validator(mode="after")
    def _streamed_blocks_are_recomputed(self) -> "TrainSettings":
        memory = self.memory
        if not memory.stream_blocks:
            return self
        if memory.checkpointing not in ("all", "offload", "auto"):
            raise ValueError(
                "memory.stream_blocks needs memory.checkpointing all or offload: other blocks keep their weights"
            )
        if memory.weights != "full":
            raise ValueError("memory.stream_blocks needs memory.weights full")
        if self.training.sharding != "none":
            raise ValueError("memory.stream_blocks needs training.sharding none")
        return self

    @model_validator(mode="after")
    def _compiled_blocks_are_plain(self) -> "TrainSettings":
        memory = self.memory
        if memory.compile and (memory.stream_blocks or memory.weights != "full" or memory.attention != "banded"):
            raise ValueError("memory.compile needs memory.stream_blocks 0, weights full and attention banded")
        if memory.compile and self.training.sharding != "none":
            raise ValueError("memory.compile needs training.sharding none")
        return self

    @model_validator(mode="after")
    def _recorded_steps_stay_on_the_card(self) -> "TrainSettings":
        memory = self.memory
        if not memory.graphs:
            return self
        if memory.stream_blocks or memory.attention != "banded":
            raise ValueError("memory.graphs needs memory.stream_blocks 0 and attention banded")
        if memory.checkpointing == "offload":
            raise ValueError("memory.graphs needs memory.checkpointing other than offload")
        if memory.checkpointing != "none" and has_dropout(self.adapter):
            raise ValueError("memory.graphs needs adapter.dropout 0 or memory.checkpointing none")
        if self.training.sharding != "none":
            raise ValueError("memory.graphs needs training.sharding none")
        if self.objective.prior_weight > 0:
            raise ValueError("memory.graphs needs objective.prior_weight 0: its steps would need memory of their own")
        return self

    @model_validator(mode="after")
    def _one_rate_is_one_rate(self) -> "TrainSettings":
        if (
            self.optimizer.name == "prodigy"
            and isinstance(self.adapter, LoraSettings)
            and self.adapter.b_rate_ratio > 1
        ):
            raise ValueError("optimizer.name prodigy needs adapter.b_rate_ratio 1: it finds one rate for all weights")
        return self

    @model_validator(mode="after")
    def _each_process_has_a_card(self) -> "TrainSettings":
        if self.training.processes > 1 and self.model.device.startswith("cuda:"):
            raise ValueError("training.processes needs model.device auto or cuda: each process takes a card of its own")
        return self

    @model_validator(mode="after")
    def _quantised_weights_stay_whole(self) -> "TrainSettings":
        if self.memory.weights != "full" and self.training.sharding != "none":
            raise ValueError("memory.weights must be full with training.sharding fsdp: packed weights cannot be cut")
        return self
