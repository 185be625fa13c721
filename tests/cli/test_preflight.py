"""What `sidestep preflight` says at the end, with the engine's part given."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from sidestep_tui.cli import jobs
from sidestep_tui.errors import ExitCode
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.measured import TABLE

GIB = 1024**3


@pytest.fixture
def measured(sidestep: Any, inputs: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`measured(table, results, *flags)`: what the command says of an engine that has measured this."""

    def preflight(table: list[dict[str, Any]], results: dict[str, Any], *flags: str) -> Any:
        def follow(run: RunDirectory, _out: object, *, detach: bool) -> ExitCode:
            (run.path / TABLE).write_text(json.dumps(table))
            with EventWriter(run.events_file) as events:
                events.write(ev.RunCompleted(results=results))
            return ExitCode.DONE

        monkeypatch.setattr(jobs, "launch_and_follow", follow)
        monkeypatch.setenv("COLUMNS", "200")
        return sidestep("preflight", *inputs, *flags)

    return preflight


def test_the_policies_and_the_whole_run_are_told(measured: Callable[..., Any]) -> None:
    no = {"checkpointing": "none", "fits": False, "free_bytes": 8 * GIB, "problem": "full"}
    yes = {
        "checkpointing": "half", "fits": True, "free_bytes": 8 * GIB, "peak_bytes": 5 * GIB, "seconds": 0.5,
        "fastest": 0.4, "slowest": 0.7, "longest_seconds": 0.8, "data_wait": 0.02,
    }  # fmt: skip
    results = {
        "fits": "yes",
        "checkpointing": "half",
        "steps": 7200,
        "seconds_in_all": 3600.0,
        "disk_bytes": 3 * 1024**2,
        "disk_free_bytes": 60 * GIB,
    }
    lines = [" ".join(line.split()) for line in measured([no, yes], results).out.splitlines()]
    assert lines[1:] == [
        "none no – 8.0 GiB free – – – –",
        "half yes 5.0 GiB 8.0 GiB free 0.500 0.400-0.700 0.800 s 2%",
        "Train with --memory.checkpointing half, the fastest that fits; checkpointing auto takes it from now on.",
        "7200 steps take about 1 h 00 min, validation and samples left out.",
        "Checkpoints and samples take up to 3.0 MiB of disk; 60.0 GiB are free here.",
    ]
    assert measured([no, yes], results, "--json").out == ""


@pytest.mark.parametrize(
    ("taken", "flags"),
    [("memory.compile, memory.graphs", "--memory.compile --memory.graphs"), (None, "--no-memory.graphs")],
)
def test_what_made_steps_faster_is_told_as_it_is_typed(
    measured: Callable[..., Any], taken: str | None, flags: str
) -> None:
    ways = [(False, True), (False, False), (True, False), (True, True)]
    entries = [
        {"checkpointing": "all", "fits": True, "free_bytes": GIB, "peak_bytes": GIB // 2, "compile": one, "graphs": two}
        for one, two in ways
    ]
    results = {"fits": "yes", "checkpointing": "all", "faster_with": taken, "steps": 5, "seconds_in_all": 5.0}
    told = measured(entries, results | {"disk_bytes": 1, "disk_free_bytes": 2}, "--memory.graphs").out
    assert f"Train with --memory.checkpointing all {flags}, the fastest that fits" in " ".join(told.split())
    rows = [line.split("  ")[0].strip() for line in told.splitlines()[1:5]]
    assert rows == ["all, recorded", "all", "all, compiled", "all, compiled, recorded"]
