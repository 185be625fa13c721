"""What a run looks like now: a pure fold over its events. Every view is made from this and from nothing else."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.series import Entries, Series

Status = Literal["waiting", "running", "stopped", "failed", "completed"]

MOST_ENTRIES: Final = 2**17
"""Beyond so many steps the curves keep half as many points, so that a run of weeks stays small in every viewer."""

LOSS_STEPS: Final = 20
"""The loss of a run is the mean of so many of its last steps: that of one is mostly the timestep which was drawn."""

_MOST_WAITING: Final = 64
"""Steps of a long log that are held before the curves take them: of more the garbage collector has its work."""


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

    def extend(self, steps: Sequence[ev.StepCompleted]) -> "Curves":
        """The curves with more steps, of which each comes after those before it."""
        if not steps:
            return self
        room = MOST_ENTRIES - len(self.step)
        if room <= 0:
            return self._halved().extend(steps)
        columns = zip(*map(_entry, steps[:room]), strict=True)
        own: tuple[Series, ...] = msgspec.structs.astuple(self)
        return Curves(*map(Series.extend, own, columns)).extend(steps[room:])

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
    phase_subject: str = ""
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
        by_clock = (curves.time[-1] - curves.time[-1 - count]) / (curves.step[-1] - curves.step[-1 - count])
        return max(by_clock, sum(curves.seconds[-count:]) / count)  # a clock that was set back tells too little

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

    def recent_loss(self) -> float | None:
        """Mean training loss of the last `LOSS_STEPS` steps; None where none of them had one."""
        return _mean(self.curves.loss[-LOSS_STEPS:])

    def recent_band_losses(self, window: int = 200) -> tuple[float | None, ...]:
        """Mean training loss of the recent steps in each of `events.BANDS`; None where no sample fell into it."""
        curves = self.curves
        return tuple(_mean(band[-window:]) for band in (curves.texture, curves.balance, curves.structure))


def apply(state: RunState, event: ev.AnyEvent) -> RunState:
    """The state after one more event. Pure: the given state is unchanged."""
    return _apply_kind(replace(state, updated_at=event.time), event)


def replay(events: Iterable[ev.AnyEvent], state: RunState | None = None) -> RunState:
    """The state after a sequence of events: what `apply` gives one by one, with the curves grown by many steps at once.

    Steps may wait for their place in the curves, because no other kind of event looks at these but a new start.
    """
    state = state or RunState()
    waiting: list[ev.StepCompleted] = []
    for event in events:
        step = event if isinstance(event, ev.StepCompleted) else None
        again = step is not None and bool(waiting) and step.step <= waiting[-1].step
        if waiting and (again or len(waiting) == _MOST_WAITING or isinstance(event, ev.RunStarted)):
            state, waiting = replace(state, curves=_done(state.curves, waiting)), []
        if step is not None:
            waiting.append(step)
            state = replace(state, updated_at=step.time, step=step.step, epoch=step.epoch)
        else:
            state = apply(state, event)
    return replace(state, curves=_done(state.curves, waiting)) if waiting else state


def _done(curves: Curves, steps: Sequence[ev.StepCompleted]) -> Curves:
    """The curves with these steps: where a damaged checkpoint was passed over, steps are done again."""
    return curves.until(steps[0].step - 1).extend(steps)


def _apply_kind(state: RunState, event: ev.AnyEvent) -> RunState:  # noqa: C901 - one case for each kind of event
    match event:
        case ev.RunStarted():
            return _started(state, event)
        case ev.PhaseChanged():
            return replace(state, phase=event.phase, phase_detail=event.detail, phase_subject=event.subject)
        case ev.Planned():
            return replace(state, plan=event)
        case ev.Progress():
            return replace(state, progress=event)
        case ev.StepCompleted():
            return replace(state, step=event.step, epoch=event.epoch, curves=_done(state.curves, [event]))
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
        phase_subject="",
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


def _entry(event: ev.StepCompleted) -> tuple[float | None, ...]:
    """What the curves keep of a step, in the order of their fields."""
    return (
        event.step, event.time, event.loss, event.gradient_norm, event.learning_rate, event.seconds, event.data_seconds,
        *_band_losses(event),
    )  # fmt: skip


def _band_losses(event: ev.StepCompleted) -> list[float | None]:
    """The mean loss of a step's samples in each band of the timestep."""
    bands: list[float | None] = [None] * len(ev.BANDS)
    counts = [0] * len(ev.BANDS)
    for timestep, loss in zip(event.timesteps, event.losses, strict=False):  # a log of an older version has none
        if loss is not None:
            band = min(int(timestep * len(ev.BANDS)), len(ev.BANDS) - 1)
            counts[band] += 1
            mean = bands[band] or 0.0
            bands[band] = mean + (loss - mean) / counts[band]
    return bands


def _mean(values: Iterable[float]) -> float | None:
    """The mean of what is a number."""
    real = [value for value in values if value == value]
    return sum(real) / len(real) if real else None
