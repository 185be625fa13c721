"""The run's story as a list: warnings, checkpoints, samples, validations, requests, the end. Oldest first. Pure."""

from collections.abc import Iterator

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.state import RunState
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import count, number
from sidestep_tui.tui.words import word

_MOST_ROWS = 400

Happening = tuple[float, int, str, str, str]
"""Time, event number, theme variable, kind, text."""


def happenings(state: RunState) -> list[Happening]:
    """What is worth a line, in the order in which it happened; only the newest of a long run."""
    found = sorted([*_notes(state), *_milestones(state), *_ends(state)], key=lambda row: row[1])
    return found[-_MOST_ROWS:]


def _notes(state: RunState) -> Iterator[Happening]:
    for warning in state.warnings:
        yield warning.time, warning.seq, "warning", "warning", _in_a_line(warning)
    for command in state.commands:
        arguments = " ".join(f"{name}={value}" for name, value in command.arguments.items())
        yield command.time, command.seq, "text-muted", "request", f"{word(command.command)} {arguments}".rstrip()


def _milestones(state: RunState) -> Iterator[Happening]:
    for saved in state.checkpoints:
        text = _("step {step}, {kind}: {path}").format(step=count(saved.step), kind=word(saved.kind), path=saved.path)
        yield saved.time, saved.seq, "primary", "checkpoint", text
    for sample in state.samples:
        yield sample.time, sample.seq, "success", "sample", f"{sample.path}: {sample.prompt}"
    for checked in state.validations:
        yield checked.time, checked.seq, "curve-validation", "validation", _validation(checked)


def _validation(event: ev.ValidationCompleted) -> str:
    told = _("step {step}: {loss}").format(step=count(event.step), loss=number(event.loss))
    if event.train_loss is None:
        return told
    return told + _(", training songs {loss}").format(loss=number(event.train_loss))


def _ends(state: RunState) -> Iterator[Happening]:
    if state.failure is not None:
        yield state.failure.time, state.failure.seq, "error", "failed", _in_a_line(state.failure)
    if state.stopped is not None:
        yield state.stopped.time, state.stopped.seq, "warning", "stopped", spoken(state.stopped.reason)
    if state.status == "completed" and state.ended_at is not None:
        yield state.ended_at, 2**62, "success", "completed", ""


def _in_a_line(event: ev.WarningRaised | ev.RunFailed) -> str:
    fix = _("Fix: {fix}").format(fix=spoken(event.fix)) if event.fix else ""
    return "  ".join(part for part in (spoken(event.what), event.where, fix) if part)
