"""The head of the page, and what the run had to say: results, troubles, checkpoints."""

from typing import Any

from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import look_up
from sidestep_tui.report.figures import count, counted, duration, loss, moment, number, setting, size
from sidestep_tui.report.html import Html, element, facts, join, name_of, section, table
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.state import LOSS_STEPS, RunState


def header(summary: RunSummary, settings: Section | None, data_set: str, now: float) -> Html:
    """Name, job, condition, model, data set, device and duration."""
    run, state = summary.run, summary.state
    document: dict[str, Any] = {} if settings is None else settings.model_dump(mode="json")
    songs = f"{counted(state.plan.songs, 'song')}, {state.plan.validation_songs} held out" if state.plan else None
    return element(
        "header",
        element("p", "Side-Step report", class_="note"),
        element("h1", name_of(run.name)),
        element(
            "p",
            element("span", summary.job, class_="tag"),
            element("span", summary.condition, class_=f"tag {summary.condition}"),
            class_="tags",
        ),
        _troubles(state),
        facts(
            (
                ("model", _name_or_none(look_up(document, "model.checkpoint"))),
                ("data set", join((name_of(data_set), f" ({songs})" if songs else None)) if data_set else songs),
                ("device", f"{state.device} on {state.host}" if state.device else None),
                ("duration", _duration(summary, now)),
                ("done", _extent(state)),
                ("loss", _recent_loss(state)),
                ("best validation", _best(state)),
                ("adapter", _adapter(state)),
                ("memory", _memory(state)),
                ("place", element("code", str(run.path))),
                ("report made", moment(now)),
            )
        ),
    )


def results_section(state: RunState) -> Html | None:
    """What the run told at its end; None where it told nothing."""
    if not state.results:
        return None
    rows = [[name.replace("_", " "), name_of(_result(value))] for name, value in state.results.items()]
    return section("results", "Results", table(["", "value"], rows))


def events_section(state: RunState) -> Html | None:
    """Warnings, skipped steps and requests; None where there were none."""
    if not (state.warnings or state.skipped_steps or state.commands):
        return None
    rows: list[tuple[float, list[str]]] = []
    for warning in state.warnings:
        rows.append((warning.time, [moment(warning.time), "warning", ev.problem_text(warning)]))
    for command in state.commands:
        given = ", ".join(f"{name} = {value}" for name, value in command.arguments.items())
        said = f"{command.command} {given}".strip()
        rows.append((command.time, [moment(command.time), "request", f"{said} after step {command.step}"]))
    skipped = f"Skipped because the loss or the gradient was not finite: {counted(state.skipped_steps, 'step')}."
    return section(
        "events",
        "Warnings and requests",
        element("p", skipped) if state.skipped_steps else None,
        table(["time", "kind", "what"], [row for _, row in sorted(rows, key=lambda one: one[0])]) if rows else None,
    )


def checkpoints_section(summary: RunSummary) -> Html | None:
    """What was saved and whether it is still there; None where nothing was."""
    state, root = summary.state, summary.run.path
    if not state.checkpoints:
        return None
    losses = {validation.step: validation.loss for validation in state.validations}
    newest = {saved.path: saved for saved in state.checkpoints}  # `best` is written anew with every new best
    rows = [
        [
            element("code", saved.path),
            count(saved.step),
            loss(losses.get(saved.step)),
            "yes" if (root / saved.path).exists() else "removed",
            moment(saved.time),
        ]
        for saved in newest.values()
    ]
    return section(
        "checkpoints",
        "Checkpoints",
        table(["place in the run", "step", "validation loss", "on disk", "saved at"], rows),
    )


def _troubles(state: RunState) -> Html | None:
    if state.failure is not None:
        return element("p", element("strong", "Failed: "), ev.problem_text(state.failure), class_="trouble")
    if state.stopped is not None:
        return element("p", f"Stopped after step {state.stopped.step}: {state.stopped.reason}", class_="trouble")
    return None


def _duration(summary: RunSummary, now: float) -> str | None:
    state = summary.state
    if state.started_at is None:
        return None
    end = now if summary.condition == "running" else state.ended_at or state.updated_at or now
    trained = sum(value for value in state.curves.seconds if value == value)
    steps = f", {duration(trained)} of it in optimizer steps" if trained else ""
    return f"{duration(end - state.started_at)}{steps}"


def _extent(state: RunState) -> str | None:
    if state.total_steps is not None:
        skipped = f", {count(state.skipped_steps)} skipped" if state.skipped_steps else ""
        return f"{count(state.step)} of {count(state.total_steps)} steps, epoch {state.epoch + 1}{skipped}"
    return f"{state.progress.done} of {state.progress.total} {state.progress.unit}" if state.progress else None


def _adapter(state: RunState) -> str | None:
    if state.plan is None:
        return None
    return f"{count(state.plan.trainable_parameters)} parameters in {state.plan.adapted_modules} modules"


def _memory(state: RunState) -> str | None:
    peak = state.memory.peak_bytes if state.memory else None
    return f"at most {size(peak)} on the device" if peak else None


def _recent_loss(state: RunState) -> str | None:
    recent, steps = state.recent_loss(), min(LOSS_STEPS, len(state.curves.loss))
    return None if recent is None else f"{loss(recent)}, the mean of the last {counted(steps, 'step')}"


def _best(state: RunState) -> str | None:
    measured = [(v.loss, v.step) for v in state.validations if v.loss is not None]
    if not measured:
        return None
    lowest, step = min(measured)
    return f"{loss(lowest)} after step {count(step)}"


def _name_or_none(path: Any) -> Html | None:
    return element("code", str(path)) if path else None


def _result(value: str | float | None) -> str:
    return number(value) if isinstance(value, float) else setting(value)
