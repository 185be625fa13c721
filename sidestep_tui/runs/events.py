"""What a run says about itself: typed events, one JSON line each, the only telemetry there is.

A new kind of event is one struct here and one case in `state.apply`. Readers skip kinds they do not know.
"""

from typing import Any, Final

import msgspec

from sidestep_tui.told import told

COMPILING: Final = told("compiling the blocks")
"""The phase of a step that takes half a minute, and hears nothing meanwhile."""
WAITING_FOR_ROOM: Final = told("waiting for room on the disk")
"""The phase in which what would be lost is tried again and again until the disk takes it."""

BANDS: Final = ("texture", "balance", "structure")
"""Three equal parts of the timestep from 0 (the song) to 1 (noise), by what the model decides in them."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True, omit_defaults=True):
    """Something that happened. `seq` counts from 1 within a run; `time` is seconds since the epoch."""

    seq: int = 0
    time: float = 0.0


class RunStarted(Event, frozen=True):
    """The engine holds the run's lock and begins, or continues after `resumed_from_step` optimizer steps.

    `settings` are those in force, by dotted path; `changed` has those that the run did not begin with, in words:
    `1e-4 → 1e-5`.
    """

    job: str
    pid: int
    host: str
    device: str
    version: str
    resumed_from_step: int | None = None
    settings: dict[str, Any] = {}
    changed: dict[str, str] = {}


class PhaseChanged(Event, frozen=True):
    """The run does something else now, for instance `loading the model`.

    `phase` and `detail` are words, which a screen says in its reader's language; `subject` is the name of what it is
    done to (a file, a song, a model), which stays as it is however much it reads like a word.
    """

    phase: str
    detail: str = ""
    subject: str = ""


class Planned(Event, frozen=True):
    """What a training run is going to do, known once its data and model are open."""

    total_steps: int
    steps_per_epoch: int
    epochs: int
    songs: int
    validation_songs: int
    trainable_parameters: int
    adapted_modules: int
    reasons: dict[str, str] = {}


class Progress(Event, frozen=True):
    """`done` of `total` `unit`s; `item` is the one just finished, `failed` how many could not be done."""

    done: int
    total: int
    unit: str
    item: str = ""
    failed: int = 0


class StepCompleted(Event, frozen=True):
    """One optimizer step. Losses and timesteps are those of its samples, in order; NaN is written as null.

    `prior_loss` is how far the model has moved on the prompts of prior preservation, where it was measured.
    """

    step: int
    epoch: int
    loss: float | None
    gradient_norm: float | None
    learning_rate: float
    seconds: float
    data_seconds: float
    timesteps: tuple[float, ...] = ()
    losses: tuple[float | None, ...] = ()
    prior_loss: float | None = None


class StepSkipped(Event, frozen=True):
    """A step whose loss or gradient was not finite; the weights did not move."""

    step: int
    reason: str
    songs: tuple[str, ...] = ()


class EpochCompleted(Event, frozen=True):
    """One pass over the data set; `seconds` are those of its steps, whichever engine took them."""

    epoch: int
    step: int
    loss: float | None
    seconds: float


class ValidationCompleted(Event, frozen=True):
    """Loss on held-out songs, with fixed noise and timesteps; `train_loss` is that of training songs on the same draws.

    `bands` are the means in three equal bands of the timestep, from texture (near 0) to structure (near 1).
    """

    step: int
    loss: float | None
    train_loss: float | None = None
    bands: tuple[float | None, ...] = ()
    songs: dict[str, float] = {}


class ModuleSensitivity(msgspec.Struct, frozen=True):
    """How strongly one module responds: the mean of its squared gradient norm, and its standard error."""

    module: str
    sensitivity: float
    stderr: float


class SensitivityUpdated(Event, frozen=True):
    """The ranking after `batches_done` batches, strongest first."""

    batches_done: int
    batches_total: int
    modules: tuple[ModuleSensitivity, ...]


class SampleWritten(Event, frozen=True):
    """A song was generated. `path` is relative to the run directory where it lies inside it.

    `latents` is the safetensors file in the run directory that holds what was decoded, [T, 64] under that name.
    `settings` are those of the song that are not the run's, where one run makes many.
    """

    path: str
    prompt: str
    seed: int
    step: int | None = None
    adapter_scale: float | None = None
    latents: str | None = None
    settings: dict[str, str | int | float | None] = {}


class CheckpointSaved(Event, frozen=True):
    """Adapter and trainer state are on disk, whole. `kind` is `regular`, `best` or `final`."""

    step: int
    path: str
    kind: str = "regular"


class DeviceSampled(Event, frozen=True):
    """Memory of the device that the run uses, and of the engine's process, in bytes; the rest where NVML tells it."""

    process_bytes: int
    device_bytes: int | None = None
    device_total_bytes: int | None = None
    peak_bytes: int | None = None
    utilisation: float | None = None
    power_watts: float | None = None
    temperature: float | None = None


class CommandApplied(Event, frozen=True):
    """A request from a viewer took effect after optimizer step `step`."""

    command: str
    arguments: dict[str, str] = {}
    step: int = 0


class WarningRaised(Event, frozen=True):
    """Something a person should know; the run goes on."""

    what: str
    where: str = ""
    fix: str = ""


class RunStopped(Event, frozen=True):
    """The run ended early, on request, with everything saved; it can be resumed."""

    reason: str
    step: int = 0


class RunFailed(Event, frozen=True):
    """The run ended on an error."""

    what: str
    where: str = ""
    fix: str = ""


def problem_text(event: WarningRaised | RunFailed) -> str:
    """What, where and the fix, in one line."""
    where = f" ({event.where})" if event.where else ""
    return f"{event.what}{where}{f' Fix: {event.fix}' if event.fix else ''}"


class RunCompleted(Event, frozen=True):
    """The run did all of its work. `results` are the figures and paths worth telling."""

    results: dict[str, str | int | float | None] = {}


AnyEvent = (
    RunStarted
    | PhaseChanged
    | Planned
    | Progress
    | StepCompleted
    | StepSkipped
    | EpochCompleted
    | ValidationCompleted
    | SensitivityUpdated
    | SampleWritten
    | CheckpointSaved
    | DeviceSampled
    | CommandApplied
    | WarningRaised
    | RunStopped
    | RunFailed
    | RunCompleted
)
