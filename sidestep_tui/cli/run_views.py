"""Runs as documents for programs, and as tables for people."""

import time
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sidestep_tui.cli.describe import value_text
from sidestep_tui.cli.lines import number
from sidestep_tui.cli.tables import Column, FittedTable
from sidestep_tui.config.fields import leaves
from sidestep_tui.dataset.text import printable
from sidestep_tui.report.figures import duration
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.compare import best_validation_loss, extent_text
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.state import LOSS_STEPS

_COLUMNS = (
    Column("RUN", least=28, folds=True),
    Column("JOB", goes=2),
    Column("CONDITION"),
    Column("DONE", goes=1),
    Column("LOSS", goes=3),
    Column("AGE", goes=4),
    Column("PLACE", goes=5, least=20, folds=True),
)
_COLOURS = {"running": "cyan", "completed": "green", "failed": "red", "interrupted": "yellow", "stopped": "yellow"}


def run_document(summary: RunSummary) -> dict[str, Any]:
    """A run in a list."""
    state = summary.state
    return {
        "name": summary.run.name,
        "path": summary.run.path,
        "job": summary.job,
        "condition": summary.condition,
        "created_at": summary.created_at,
        "seen_at": summary.seen_at,
        "phase": state.phase,
        "step": state.step,
        "total_steps": state.total_steps,
        "recent_loss": state.recent_loss(),
        "best_validation_loss": best_validation_loss(state),
        "seconds_left": state.seconds_left() if summary.condition == "running" else None,
    }


def details_document(summary: RunSummary) -> dict[str, Any]:
    """One run with its settings, results and troubles."""
    state = summary.state
    return {
        **run_document(summary),
        "device": state.device,
        "host": state.host,
        "started_at": state.started_at,
        "ended_at": state.ended_at,
        "plan": state.plan,
        "progress": state.progress,
        "checkpoints": list(state.checkpoints),
        "samples": list(state.samples),
        "warnings": list(state.warnings),
        "failure": state.failure,
        "results": state.results,
        "settings": summary.run.settings().model_dump(mode="json"),
    }


def runs_table(summaries: list[RunSummary], now: float) -> RenderableType:
    """The runs, newest first; their age is that of their last sign of life, as at home."""
    if not summaries:
        return Text("There are no runs yet. `sidestep train --help` shows how to start one.")
    rows = [
        (
            printable(summary.run.name),
            summary.job,
            Text(summary.doing, style=_COLOURS.get(summary.condition, "")),
            extent_text(summary.state),
            number(loss) if (loss := summary.state.recent_loss()) is not None else "",
            duration(max(0.0, now - summary.seen_at)),
            printable(str(summary.run.path.parent)),
        )
        for summary in summaries
    ]
    return FittedTable(_COLUMNS, rows)


def details_view(summary: RunSummary) -> RenderableType:
    """One run in full."""
    state = summary.state
    averaged = min(LOSS_STEPS, len(state.curves.loss))
    facts = {
        "run": summary.run.name,
        "place": summary.run.path,
        "job": summary.job,
        "condition": summary.doing,
        "phase": state.phase if summary.condition == "running" else None,
        "made": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(summary.created_at)),
        "device": state.device,
        "done": extent_text(state),
        f"loss, mean of {averaged} steps": state.recent_loss(),
        "best validation": best_validation_loss(state),
        "checkpoints": len(state.checkpoints) or None,
        "warnings": len(state.warnings) or None,
        "failure": ev.problem_text(state.failure) if state.failure else None,
        **state.results,
    }
    settings = dict(leaves(summary.run.settings().model_dump(mode="json")))
    return Group(_pairs(facts), Text("\nsettings", style="bold"), _pairs(settings))


def comparison_table(summaries: list[RunSummary], rows: list[tuple[str, list[Any]]]) -> RenderableType:
    """What differs between runs: one column for each."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for summary in summaries:
        table.add_column(Text(printable(summary.run.name)), overflow="fold")
    for name, values in rows:
        table.add_row(name, *(Text(printable(value_text(value))) for value in values))
    return table


def _pairs(facts: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None and value != "":
            table.add_row(name, Text(printable(value_text(value))))
    return table
