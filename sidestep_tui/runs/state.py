"""What a run looks like now: a pure fold over its events. Every view is made from this and from nothing else."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.series import Entries, Series

Status = Literal["waiting", "running", "stopped", "failed", "completed"]

MOST_ENTRIES: Final = 2**17
"""Beyond so many steps the curves keep half as many points, so that a run of weeks stays small in every viewer."""


class Curves(msgspec.Struct, frozen=True):
    """One entry for every optimizer step, oldest first; in very long runs an older entry is the mean of several.

    `texture`, `balance` and `structure` are the mean loss of the step's samples in that band of the timestep
    (`events.BANDS`), NaN where it had none.
    """

    step: Series = msgspec.field(default_factory=Series)
    time: Series = msgspec.field(default_factory=Series)
    loss: Series = msgspec.field(default_factory=Series)
    gradient_norm: Series = msgspec.field(default_factory=Series)
    learning_rate: Series = msgspec.field(default_factory=Series)
    seconds: Series = msgspec.field(default_factory=Series)
    data_seconds: Series = msgspec.field(default_factory=Series)
    texture: Series = msgspec.field(default_factory=Series)
    balance: Series = msgspec.field(default_factory=Series)
    structure: Series = msgspec.field(default_factory=Series)

    def append(self, event: ev.StepCompleted) -> "Curves":
        """The curves with one more step."""
        if len(self.step) >= MOST_ENTRIES:
            return self._halved().append(event)
        texture, balance, structure = _band_losses(event)
        return Curves(
            step=self.step.append(event.step),
            time=self.time.append(event.time),
            loss=self.loss.append(event.loss),
            gradient_norm=self.gradient_norm.append(event.gradient_norm),
            learning_rate=self.learning_rate.append(event.learning_rate),
            seconds=self.seconds.append(event.seconds),
            data_seconds=self.data_seconds.append(event.data_seconds),
            texture=self.texture.append(texture),
            balance=self.balance.append(balance),
            structure=self.structure.append(structure),
        )

    def until(self, step: int) -> "Curves":
        """The curves without what came after an optimizer step: a resumed run does those steps again."""
        if not len(self.step) or self.step[-1] <= step:
            return self
        length = bisect_right(self.step, step)
        return Curves(*(column.truncate(length) for column in msgspec.structs.astuple(self)))

    def _halved(self) -> "Curves":
        columns: dict[str, Series] = msgspec.structs.asdict(self)
        return Curves(**{name: column.halved(last=name in ("step", "time")) for name, column in columns.items()})


class RunState(msgspec.Struct, frozen=True):
    """A run as its events tell it. Whether its engine still lives is the run directory's to say, not the state's."""

    status: Status = "waiting"
    job: str = ""
    device: str = ""
    host: str = ""
    phase: str = ""
    phase_detail: str = ""
    started_at: float | None = None
    updated_at: float | None = None
    ended_at: float | None = None
    plan: ev.Planned | None = None
    progress: ev.Progress | None = None
    step: int = 0
    epoch: int = 0
    curves: Curves = msgspec.field(default_factory=Curves)
    started_after_step: int = 0
    """The last step that was done when the engine last started: the pause before it is no training time."""
    epochs: Entries[ev.EpochCompleted] = msgspec.field(default_factory=Entries)
    validations: Entries[ev.ValidationCompleted] = msgspec.field(default_factory=Entries)
    sensitivity: ev.SensitivityUpdated | None = None
    samples: Entries[ev.SampleWritten] = msgspec.field(default_factory=Entries)
    checkpoints: Entries[ev.CheckpointSaved] = msgspec.field(default_factory=Entries)
    memory: ev.DeviceSampled | None = None
    commands: Entries[ev.CommandApplied] = msgspec.field(default_factory=Entries)
    warnings: Entries[ev.WarningRaised] = msgspec.field(default_factory=Entries)
    skipped_steps: int = 0
    failure: ev.RunFailed | None = None
    stopped: ev.RunStopped | None = None
    results: dict[str, str | int | float | None] = msgspec.field(default_factory=dict)

    @property
    def total_steps(self) -> int | None:
        """Optimizer steps that the whole run takes, once it is planned."""
        return self.plan.total_steps if self.plan else None

    def recent_seconds_per_step(self, window: int = 50) -> float | None:
        """Mean wall time of the last steps since the engine started, what waits between them included."""
        curves = self.curves
        count = min(window, len(curves.time) - bisect_right(curves.step, self.started_after_step) - 1)
        if count < 1:
            return curves.seconds[-1] if len(curves.seconds) else None
        return (curves.time[-1] - curves.time[-1 - count]) / (curves.step[-1] - curves.step[-1 - count])

    def seconds_left(self) -> float | None:
        """An estimate of the time to the end, from the recent steps."""
        per_step = self.recent_seconds_per_step()
        if self.total_steps is None or per_step is None or self.status != "running":
            return None
        return max(0, self.total_steps - self.step) * per_step

    def data_wait_share(self, window: int = 50) -> float | None:
        """Share of the recent steps' time that waited for data, 0 to 1."""
        seconds = sum(self.curves.seconds[-window:])
        return sum(self.curves.data_seconds[-window:]) / seconds if seconds > 0 else None

    def recent_band_losses(self, window: int = 200) -> tuple[float | None, ...]:
        """Mean training loss of the recent steps in each of `events.BANDS`; None where no sample fell into it."""
        curves = self.curves
        return tuple(_mean(band[-window:]) for band in (curves.texture, curves.balance, curves.structure))


def apply(state: RunState, event: ev.AnyEvent) -> RunState:
    """The state after one more event. Pure: the given state is unchanged."""
    return _apply_kind(replace(state, updated_at=event.time), event)


def replay(events: Iterable[ev.AnyEvent], state: RunState | None = None) -> RunState:
    """The state after a sequence of events."""
    state = state or RunState()
    for event in events:
        state = apply(state, event)
    return state


def _apply_kind(state: RunState, event: ev.AnyEvent) -> RunState:  # noqa: C901 - one case for each kind of event
    match event:
        case ev.RunStarted():
            return _started(state, event)
        case ev.PhaseChanged():
            return replace(state, phase=event.phase, phase_detail=event.detail)
        case ev.Planned():
            return replace(state, plan=event)
        case ev.Progress():
            return replace(state, progress=event)
        case ev.StepCompleted():
            curves = state.curves.until(event.step - 1)  # a damaged checkpoint was passed over: steps are done again
            return replace(state, step=event.step, epoch=event.epoch, curves=curves.append(event))
        case ev.StepSkipped():
            return replace(state, step=event.step, skipped_steps=state.skipped_steps + 1)
        case ev.EpochCompleted():
            return replace(state, epochs=state.epochs.append(event))
        case ev.ValidationCompleted():
            return replace(state, validations=state.validations.append(event))
        case ev.SensitivityUpdated():
            return replace(state, sensitivity=event)
        case ev.SampleWritten():
            return replace(state, samples=state.samples.append(event))
        case ev.CheckpointSaved():
            return replace(state, checkpoints=state.checkpoints.append(event))
        case ev.DeviceSampled():
            return replace(state, memory=event)
        case ev.CommandApplied():
            return replace(state, commands=state.commands.append(event))
        case ev.WarningRaised():
            return replace(state, warnings=state.warnings.append(event))
        case ev.RunStopped():
            return replace(state, status="stopped", stopped=event, ended_at=event.time)
        case ev.RunFailed():
            return replace(state, status="failed", failure=event, ended_at=event.time)
        case ev.RunCompleted():
            return replace(state, status="completed", results=event.results, ended_at=event.time)


def _started(state: RunState, event: ev.RunStarted) -> RunState:
    """A fresh start, or a continuation that forgets what came after the checkpoint it continues from."""
    step = event.resumed_from_step or 0
    curves = state.curves.until(step)
    return replace(
        state,
        status="running",
        job=event.job,
        device=event.device,
        host=event.host,
        phase="",
        phase_detail="",
        started_at=state.started_at if state.started_at is not None else event.time,
        ended_at=None,
        failure=None,
        stopped=None,
        step=min(state.step, step),
        curves=curves,
        started_after_step=step,
        epochs=Entries(e for e in state.epochs if e.step <= step),
        validations=Entries(v for v in state.validations if v.step <= step),
    )


def _band_losses(event: ev.StepCompleted) -> Iterator[float | None]:
    """The mean loss of a step's samples in each band of the timestep."""
    last = len(ev.BANDS) - 1
    found: list[list[float]] = [[] for _ in ev.BANDS]
    for timestep, loss in zip(event.timesteps, event.losses, strict=False):  # a log of an older version has none
        if loss is not None:
            found[min(last, int(timestep * len(ev.BANDS)))].append(loss)
    return (sum(losses) / len(losses) if losses else None for losses in found)


def _mean(values: Iterable[float]) -> float | None:
    """The mean of what is a number."""
    real = [value for value in values if value == value]
    return sum(real) / len(real) if real else None
