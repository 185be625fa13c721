"""`sidestep preflight`: a training run measured before it begins, told as one table."""

import json
from typing import TYPE_CHECKING, Final

from sidestep_tui.cli.jobs import JobVerb
from sidestep_tui.cli.output import Output
from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.preflight import PreflightSettings
from sidestep_tui.report.figures import duration
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import RunCompleted
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.measured import TABLE, Measured, settings_taken

if TYPE_CHECKING:
    from rich.console import RenderableType

_MIB: Final = 1024**2


def _show(run: RunDirectory, out: Output) -> None:
    """What was tried, and the whole run with what is to be taken. Under `--json` the events said it."""
    if out.as_json:
        return
    completed = [event.results for event in read_events(run.events_file) if isinstance(event, RunCompleted)]
    results = completed[-1]
    table = [Measured(**entry) for entry in json.loads((run.path / TABLE).read_text(encoding="utf-8"))]
    out.show(None, lambda: _table(table))
    if len(table) > 1 and results["fits"] == "yes":
        flags = _flags(run, results)
        out.say(f"Train with {flags}, the fastest that fits; checkpointing auto takes it from now on.")
    for line in _whole_run(results):
        out.say(line)


def _flags(run: RunDirectory, results: dict[str, str | int | float | None]) -> str:
    """What to give to `sidestep train` beside the settings that were measured."""
    settings, taken = run.settings(), settings_taken(results)
    assert isinstance(settings, PreflightSettings)
    flags = [f"--memory.checkpointing {taken['memory.checkpointing']}"]
    for path, on in (("memory.compile", settings.memory.compile), ("memory.graphs", settings.memory.graphs)):
        if taken[path]:
            flags.append(f"--{path}")
        elif on:
            flags.append(f"--no-{path}")
    return " ".join(flags)


def _table(tried: list[Measured]) -> "RenderableType":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("checkpointing", "fits", "peak", "of", "s/step", "range", "longest song", "data wait"):
        table.add_column(heading, justify="left" if heading in ("checkpointing", "fits") else "right")
    for one in tried:
        table.add_row(
            ", ".join([one.checkpointing, *["compiled"] * one.compile, *["recorded"] * one.graphs]),
            "yes" if one.fits else "no" if one.peak_bytes is None else "barely",
            "–" if one.peak_bytes is None else _size(one.peak_bytes),
            f"{_size(one.free_bytes)} free",
            "–" if one.seconds is None else f"{one.seconds:.3f}",
            "–" if one.fastest is None else f"{one.fastest:.3f}-{one.slowest:.3f}",
            "–" if one.longest_seconds is None else f"{one.longest_seconds:.3f} s",
            "–" if one.data_wait is None else f"{one.data_wait:.0%}",
        )
    return table


def _whole_run(results: dict[str, str | int | float | None]) -> list[str]:
    seconds, needed, free = (float(results[name] or 0) for name in ("seconds_in_all", "disk_bytes", "disk_free_bytes"))
    return [
        f"{results['steps']} steps take about {duration(seconds)}, validation and samples left out.",
        f"Checkpoints and samples take up to {_size(needed)} of disk; {_size(free)} are free here.",
    ]


def _size(count: float) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / _MIB:.1f} MiB"


configure = JobVerb("preflight", "data.tensors", keeps=False, show=_show).configure
