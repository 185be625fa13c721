"""A run's events as plain lines of text, for logs, pipes and terminals that cannot redraw."""

import time
from typing import Final

from sidestep_tui.report.figures import duration
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.state import RunState

_SECONDS_BETWEEN_STEPS: Final = 10.0
_SHOWN_MODULES: Final = 3


class LineWriter:
    """Turns events into lines. What comes too often (steps, progress, rankings) speaks every ten seconds of the run.

    Where the clock was set back it speaks at once, and every ten seconds from there on.
    """

    def __init__(self) -> None:
        self._last_spoken: dict[type[ev.Event], float] = {}

    def line(self, event: ev.AnyEvent, state: RunState) -> str | None:
        """The line for an event, or None; `state` is the state after it."""
        if isinstance(event, ev.StepCompleted | ev.Progress | ev.SensitivityUpdated):
            since = event.time - self._last_spoken.get(type(event), 0.0)
            if 0 <= since < _SECONDS_BETWEEN_STEPS and not _is_last(event, state):
                return None
            self._last_spoken[type(event)] = event.time
        text = describe(event, state)
        return f"{time.strftime('%H:%M:%S', time.localtime(event.time))}  {text}" if text else None


def describe(event: ev.AnyEvent, state: RunState) -> str | None:  # noqa: C901 - one case for each kind of event
    """An event in words; None for what only a chart shows."""
    match event:
        case ev.RunStarted():
            return _start_text(event)
        case ev.PhaseChanged():
            return ": ".join(filter(None, (event.phase, event.detail, event.subject)))
        case ev.Planned():
            return _plan_text(event)
        case ev.Progress():
            failed = f", {event.failed} failed" if event.failed else ""
            return f"{event.done}/{event.total} {event.unit}{failed}{f'  {event.item}' if event.item else ''}"
        case ev.StepCompleted():
            return step_text(event, state)
        case ev.StepSkipped():
            return f"step {event.step} skipped: {event.reason}"
        case ev.ValidationCompleted():
            beside = "" if event.train_loss is None else f", training songs {number(event.train_loss)}"
            return f"validation after step {event.step}: loss {number(event.loss)}{beside}"
        case ev.SampleWritten():
            return f"song written: {event.path}"
        case ev.CheckpointSaved():
            return f"{'checkpoint' if event.kind == 'regular' else event.kind} saved after step {event.step}"
        case ev.CommandApplied():
            values = "".join(f" {path}={value}" for path, value in event.arguments.items())
            return f"{event.command}{values} after step {event.step}"
        case ev.WarningRaised():
            return f"warning: {ev.problem_text(event)}"
        case ev.RunStopped():
            return f"stopped after step {event.step}: {event.reason}"
        case ev.RunFailed():
            return f"failed: {ev.problem_text(event)}"
        case ev.RunCompleted():
            results = (f"{name} {_result(value)}" for name, value in event.results.items() if value is not None)
            return ", ".join(["completed", *results])
        case ev.SensitivityUpdated():
            return f"strongest after {event.batches_done} of {event.batches_total} batches: {_strongest(event)}"
        case ev.EpochCompleted() | ev.DeviceSampled():
            return None


def _start_text(event: ev.RunStarted) -> str:
    """Where an engine works; where it continues, after which step and with which settings changed."""
    if event.resumed_from_step is None:
        return f"{event.job} on {event.device} ({event.host}, process {event.pid})"
    changed = "; ".join(f"{path} {values}" for path, values in event.changed.items())
    continued = f"{event.job} on {event.device}, continued after step {event.resumed_from_step}"
    return f"{continued}, since its start: {changed}" if changed else continued


def _plan_text(event: ev.Planned) -> str:
    """What a training run is going to do."""
    return (
        f"{counted(event.total_steps, 'step')} in {counted(event.epochs, 'epoch')}, {counted(event.songs, 'song')}, "
        f"{event.validation_songs} held out, {event.trainable_parameters:,} trainable parameters"
    )


def _strongest(event: ev.SensitivityUpdated) -> str:
    """The first modules of a ranking with their relative standard errors."""
    first = [module for module in event.modules[:_SHOWN_MODULES] if module.sensitivity > 0]
    return ", ".join(f"{one.module} ±{100 * one.stderr / one.sensitivity:.0f}%" for one in first) or "none"


def step_text(event: ev.StepCompleted, state: RunState) -> str:
    """One step with its figures and the time to the end."""
    parts = [
        f"step {event.step}{f'/{state.total_steps}' if state.total_steps else ''}",
        f"epoch {event.epoch + 1}",
        f"loss {number(event.loss)}",
        f"lr {event.learning_rate:.2e}",
        f"{event.seconds:.2f} s/step",
    ]
    left = state.seconds_left()
    if left is not None:
        parts.append(f"{duration(left)} left")
    bands = zip(ev.BANDS, state.recent_band_losses(), strict=True)
    parts.extend(f"{name} {number(loss)}" for name, loss in bands if loss is not None)
    return "  ".join(parts)


def number(value: float | None) -> str:
    """A loss; a value that was not finite reads as such."""
    return "not finite" if value is None else f"{value:.4f}"


def counted(count: int, noun: str) -> str:
    """A number of things: `1 song`, `2 songs`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _result(value: str | float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_last(event: ev.StepCompleted | ev.Progress | ev.SensitivityUpdated, state: RunState) -> bool:
    match event:
        case ev.Progress():
            return event.done == event.total
        case ev.SensitivityUpdated():
            return event.batches_done == event.batches_total
        case ev.StepCompleted():
            return event.step == state.total_steps
