"""What a run looks like now: a pure fold over its events. Every view is made from this and from nothing else."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.curves import Curves
from sidestep_tui.runs.series import Entries

Status = Literal["waiting", "running", "stopped", "failed", "completed"]

LOSS_STEPS: Final = 20
"""The loss of a run is the mean of so many of its last steps: that of one is mostly the timestep which was drawn."""

_RECENT_STEPS: Final = 50  # tell the pace and the waiting
_STEPS_OF_BANDS: Final = 200  # of few samples each, of which a band has a part

_MOST_WAITING: Final = 64
"""Steps of a long log that are held before the curves take them: of more the garbage collector has its work."""


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
    engine_started_at: float | None = None
    """When the engine last started; `started_at` is when the first one did."""
    seconds_before: float = 0.0
    """How long the engines before the last one were at work."""
    updated_at: float | None = None
    ended_at: float | None = None
    plan: ev.Planned | None = None
    progress: ev.Progress | None = None
    counted_from: ev.Progress | None = None
    """Where the engine began to count what it counts now: before that it did something else, or did not run."""
    step: int = 0
    epoch: int = 0
    curves: Curves = msgspec.field(default_factory=Curves)
    started_after_step: int = 0
    """The last step that was done when the engine last started or went on: the pause before it is no training time."""
    epochs: Entries[ev.EpochCompleted] = msgspec.field(default_factory=Entries)
    validations: Entries[ev.ValidationCompleted] = msgspec.field(default_factory=Entries)
    sensitivity: ev.SensitivityUpdated | None = None
    samples: Entries[ev.SampleWritten] = msgspec.field(default_factory=Entries)
    checkpoints: Entries[ev.CheckpointSaved] = msgspec.field(default_factory=Entries)
    memory: ev.DeviceSampled | None = None
    commands: Entries[ev.CommandApplied] = msgspec.field(default_factory=Entries)
    warnings: Entries[ev.WarningRaised] = msgspec.field(default_factory=Entries)
    skipped: Entries[ev.StepSkipped] = msgspec.field(default_factory=Entries)
    failure: ev.RunFailed | None = None
    stopped: ev.RunStopped | None = None
    results: dict[str, str | int | float | None] = msgspec.field(default_factory=dict)

    @property
    def skipped_steps(self) -> int:
        """Steps that moved nothing, because a loss or gradient was no number."""
        return len(self.skipped)

    @property
    def is_compiling(self) -> bool:
        """Whether what it is asked for waits longer than a step."""
        return self.phase == ev.COMPILING

    @property
    def is_paused(self) -> bool:
        """Whether the engine waits because it was asked to."""
        return self.paused_at is not None

    @property
    def paused_at(self) -> float | None:
        """When the engine took a `pause` after which neither a `resume` nor a step came, nor another engine."""
        last = next((c for c in reversed(self.commands) if c.command in ("pause", "resume")), None)
        if self.status != "running" or last is None or last.command != "pause":
            return None
        if last.time < (self.engine_started_at or 0.0):
            return None
        return last.time if not len(self.curves.time) or self.curves.time[-1] <= last.time else None

    @property
    def total_steps(self) -> int | None:
        """Optimizer steps that the whole run takes, once it is planned."""
        return self.plan.total_steps if self.plan else None

    def recent_seconds_per_step(self) -> float | None:
        """Mean wall time of the last steps since the engine started, what waits between them included."""
        curves = self.curves
        count = min(_RECENT_STEPS, len(curves.time) - bisect_right(curves.step, self.started_after_step) - 1)
        if count < 1:
            return curves.seconds[-1] if len(curves.seconds) else None
        by_clock = (curves.time[-1] - curves.time[-1 - count]) / (curves.step[-1] - curves.step[-1 - count])
        return max(by_clock, sum(curves.seconds[-count:]) / count)  # a clock that was set back tells too little

    def seconds_at_work(self, now: float | None = None) -> float | None:
        """How long the engines were at work, until `now` or the last event; None before the first of them.

        Between the end of one and the start of the next, a run that was interrupted on a Friday has taken no time.
        """
        until = now if now is not None else self.ended_at or self.updated_at
        if self.engine_started_at is None or until is None:
            return None
        return self.seconds_before + until - self.engine_started_at

    def seconds_left(self) -> float | None:
        """An estimate of the time to the end: from the recent steps, else of what is counted from its pace so far."""
        if self.status != "running":
            return None
        if self.total_steps is None:
            return self._seconds_of_count()
        per_step = self.recent_seconds_per_step()
        return None if per_step is None else max(0, self.total_steps - self.step) * per_step

    def _seconds_of_count(self) -> float | None:
        """The time until all is counted; None before there is a pace."""
        first, last = self.counted_from, self.progress
        if first is None or last is None or last.done <= first.done:
            return None
        return max(0, last.total - last.done) * (last.time - first.time) / (last.done - first.done)

    def data_wait_share(self) -> float | None:
        """Share of the recent steps' time that waited for data, 0 to 1."""
        seconds = sum(self.curves.seconds[-_RECENT_STEPS:])
        return sum(self.curves.data_seconds[-_RECENT_STEPS:]) / seconds if seconds > 0 else None

    def recent_loss(self) -> float | None:
        """Mean training loss of the last `LOSS_STEPS` steps; None where none of them had one."""
        return _mean(self.curves.loss[-LOSS_STEPS:])

    def recent_band_losses(self) -> tuple[float | None, ...]:
        """Mean training loss of the recent steps in each of `events.BANDS`; None where no sample fell into it."""
        curves = self.curves
        return tuple(_mean(band[-_STEPS_OF_BANDS:]) for band in (curves.texture, curves.balance, curves.structure))


def apply(state: RunState, event: ev.AnyEvent) -> RunState:
    """The state after one more event. Pure: the given state is unchanged."""
    return replace(_apply_kind(state, event), updated_at=event.time)


def replay(events: Iterable[ev.AnyEvent], state: RunState | None = None) -> RunState:
    """The state after a sequence of events: what `apply` gives one by one, with the curves grown by many steps at once.

    Steps may wait for their place in the curves, because no other kind of event looks at these but a new start.
    """
    state = state or RunState()
    waiting: list[ev.StepCompleted] = []
    unseen: ev.StepCompleted | None = None  # the last step, until another kind of event may ask how far the run is
    for event in events:
        step = event if isinstance(event, ev.StepCompleted) else None
        again = step is not None and bool(waiting) and step.step <= waiting[-1].step
        if waiting and (again or len(waiting) == _MOST_WAITING or isinstance(event, ev.RunStarted)):
            state, waiting = replace(state, curves=_done(state.curves, waiting)), []
        if step is not None:
            waiting.append(step)
            unseen = step
        else:
            state, unseen = apply(_seen(state, unseen), event), None
    state = _seen(state, unseen)
    return replace(state, curves=_done(state.curves, waiting)) if waiting else state


def _seen(state: RunState, step: ev.StepCompleted | None) -> RunState:
    """The state after a step, but for its curves."""
    return state if step is None else replace(state, updated_at=step.time, step=step.step, epoch=step.epoch)


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
            return replace(state, progress=event, counted_from=_counted_from(state, event))
        case ev.StepCompleted():
            return replace(state, step=event.step, epoch=event.epoch, curves=_done(state.curves, [event]))
        case ev.StepSkipped():
            return replace(state, step=event.step, skipped=state.skipped.append(event))
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
            went_on = state.step if event.command == "resume" else state.started_after_step
            return replace(state, commands=state.commands.append(event), started_after_step=went_on)
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
        engine_started_at=event.time,
        seconds_before=state.seconds_at_work() or 0.0,
        counted_from=None,
        ended_at=None,
        failure=None,
        stopped=None,
        step=min(state.step, step),
        curves=curves,
        started_after_step=step,
        epochs=Entries(e for e in state.epochs if e.step <= step),
        validations=Entries(v for v in state.validations if v.step <= step),
        skipped=Entries(s for s in state.skipped if s.step <= step),
    )


def _counted_from(state: RunState, event: ev.Progress) -> ev.Progress:
    """Where a count began: here, if it is another one than before."""
    first, last = state.counted_from, state.progress
    if first is None or last is None or event.done < last.done or (event.unit, event.total) != (last.unit, last.total):
        return event
    return first


def _mean(values: Iterable[float]) -> float | None:
    """The mean of what is a number."""
    real = [value for value in values if value == value]
    return sum(real) / len(real) if real else None
