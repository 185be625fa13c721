"""How a followed run is shown: JSON lines, plain lines, or a live bar with the notable lines above it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sidestep_tui.cli.lines import LineWriter, describe, number
from sidestep_tui.cli.output import Output
from sidestep_tui.dataset.text import printable
from sidestep_tui.report.figures import duration
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.state import RunState


class View(Protocol):
    """Something that shows a run's events as they come."""

    def show(self, event: ev.AnyEvent, state: RunState, /) -> None:
        """One event, and the state after it."""


class JsonView:
    """Every event, one JSON line each."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def show(self, event: ev.AnyEvent, _: RunState, /) -> None:
        """One event."""
        self._out.json_line(event)


class LinesView:
    """Plain lines."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._writer = LineWriter()

    def show(self, event: ev.AnyEvent, state: RunState, /) -> None:
        """One event, if it has something to say."""
        line = self._writer.line(event, state)
        if line:
            self._out.say(line)


class LiveView:
    """A bar with steps, loss and the time left; what is worth keeping scrolls above it."""

    _ONLY_IN_THE_BAR = (ev.StepCompleted, ev.Progress, ev.PhaseChanged, ev.RunFailed, ev.RunStopped)

    def __init__(self, progress: Progress, out: Output) -> None:
        self._progress = progress
        self._out = out
        self._task = progress.add_task("starting", total=None, figures="")

    def show(self, event: ev.AnyEvent, state: RunState, /) -> None:
        """Moves the bar; notable events get a line of their own."""
        text = None if isinstance(event, self._ONLY_IN_THE_BAR) else describe(event, state)
        if text:
            self._out.say(text)
        done, total = _extent(state)
        self._progress.update(
            self._task,
            description=printable(state.phase or state.job or "starting"),
            completed=done,
            total=total,
            figures=printable(figures(state)),
        )


def figures(state: RunState) -> str:
    """What stands behind the bar."""
    parts = []
    if len(state.curves.loss):
        parts.append(f"loss {number(state.recent_loss())}")
    elif state.progress and state.progress.item:
        parts.append(state.progress.item)
    left = state.seconds_left()
    if left is not None:
        parts.append(f"{duration(left)} left")
    return "  ".join(parts)


@contextmanager
def view_for(out: Output, *, live: bool = True) -> Iterator[View]:
    """The view that fits the output; `live=False` asks for plain lines even on a good terminal."""
    if out.as_json:
        yield JsonView(out)
    elif not live or not out.is_live:
        yield LinesView(out)
    else:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=out.console, refresh_per_second=5, transient=True) as progress:
            yield LiveView(progress, out)


def _extent(state: RunState) -> tuple[int, int | None]:
    if state.total_steps is not None:
        return state.step, state.total_steps
    return (state.progress.done, state.progress.total) if state.progress else (0, None)
