"""The queue and the chains beside it, as documents for programs and as lines for people."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sidestep_tui.dataset.text import printable
from sidestep_tui.runs.chains import Chain
from sidestep_tui.runs.compare import extent_text
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary


def queue_table(runs: list[tuple[RunDirectory, RunSummary | None]], word: str) -> RenderableType:
    """The runs of the queue in their order.

    Args:
        runs: each with what is known of it; None where it is gone.
        word: what the queue does.
    """
    if not runs and word == "paused":
        return Text("The queue is empty, and paused: nothing starts before `sidestep queue resume`.")
    if not runs:
        return Text("The queue is empty. `sidestep queue add RUN` puts a run into it.")
    table = Table(box=None, pad_edge=False)
    for column in ("", "RUN", "CONDITION", "DONE"):
        table.add_column(column)
    for place, (run, summary) in enumerate(runs, start=1):
        condition = summary.condition if summary else "missing"
        done = extent_text(summary.state) if summary else ""
        table.add_row(str(place), Text(printable(run.name)), condition, done)
    return Group(Text(f"The queue is {printable(word)}"), table)  # a table's own title is cut to its width


def chain_document(chain: Chain) -> dict[str, Any]:
    """A chain with what is left of it."""
    return {
        "working": chain.working,
        "waits_for": [run.path for run in chain.kept_by],
        "runs": [{"path": each.run.path, "condition": each.condition} for each in chain.left],
        "log": chain.file.with_suffix(".log"),
    }


def chain_line(chain: Chain) -> Text:
    """What a chain does, or how it goes on."""
    first, waiting = chain.left[0], len(chain.left) - 1
    if chain.kept_by:
        line = f"A chain waits: {first.run.name} starts when {chain.kept_by[0].name} leaves the device."
    elif chain.working:
        line = f"A chain is at work beside it: {first.run.name}."
    else:
        go_on = f"`sidestep queue resume {first.run.typed}` lets it go on"
        line = f"A chain has ended early at {first.run.name} ({first.condition}): {go_on}."
    if waiting:
        line += f" {waiting} more run{'s wait' if waiting > 1 else ' waits'} for that."
    return Text(printable(line))
