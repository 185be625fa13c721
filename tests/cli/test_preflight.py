"""What `sidestep preflight` says at the end, with the engine's part given."""

import json
from pathlib import Path

import pytest

from sidestep_tui.cli import preflight
from sidestep_tui.cli.output import Output
from sidestep_tui.config.preflight import PreflightSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.measured import TABLE

GIB = 1024**3


def measured_run(folder: Path, **memory: bool) -> RunDirectory:
    document = {"model": {"checkpoint": "m"}, "data": {"tensors": "t"}, "memory": memory}
    return create_run(folder / "run", "preflight", PreflightSettings.model_validate(document))


def test_the_policies_and_the_whole_run_are_told(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run = measured_run(tmp_path)
    no = {"checkpointing": "none", "fits": False, "free_bytes": 8 * GIB, "problem": "full"}
    yes = {
        "checkpointing": "half", "fits": True, "free_bytes": 8 * GIB, "peak_bytes": 5 * GIB, "seconds": 0.5,
        "fastest": 0.4, "slowest": 0.7, "longest_seconds": 0.8, "data_wait": 0.02,
    }  # fmt: skip
    (run.path / TABLE).write_text(json.dumps([no, yes]))
    results = {
        "fits": "yes",
        "checkpointing": "half",
        "steps": 7200,
        "seconds_in_all": 3600.0,
        "disk_bytes": 3 * 1024**2,
        "disk_free_bytes": 60 * GIB,
    }
    with EventWriter(run.events_file) as events:
        events.write(ev.RunCompleted(results=results))
    preflight._show(run, Output(as_json=False))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        "none no – 8.0 GiB free – – – –",
        "half yes 5.0 GiB 8.0 GiB free 0.500 0.400-0.700 0.800 s 2%",
        "Train with --memory.checkpointing half, the fastest that fits; checkpointing auto takes it from now on.",
        "7200 steps take about 1 h 00 min, validation and samples left out.",
        "Checkpoints and samples take up to 3.0 MiB of disk; 60.0 GiB are free here.",
    ]
    preflight._show(run, Output(as_json=True))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("taken", "flags"),
    [("memory.compile, memory.graphs", "--memory.compile --memory.graphs"), (None, "--no-memory.graphs")],
)
def test_what_made_steps_faster_is_told_as_it_is_typed(
    tmp_path: Path, capsys, monkeypatch, taken: str | None, flags: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run = measured_run(tmp_path, graphs=True)
    ways = [(False, True), (False, False), (True, False), (True, True)]
    entries = [
        {"checkpointing": "all", "fits": True, "free_bytes": GIB, "peak_bytes": GIB // 2, "compile": one, "graphs": two}
        for one, two in ways
    ]
    (run.path / TABLE).write_text(json.dumps(entries))
    results = {"fits": "yes", "checkpointing": "all", "faster_with": taken, "steps": 5, "seconds_in_all": 5.0}
    with EventWriter(run.events_file) as events:
        events.write(ev.RunCompleted(results=results | {"disk_bytes": 1, "disk_free_bytes": 2}))
    preflight._show(run, Output(as_json=False))
    told = capsys.readouterr().out
    assert f"Train with --memory.checkpointing all {flags}, the fastest that fits" in " ".join(told.split())
    rows = [line.split("  ")[0].strip() for line in told.splitlines()[1:5]]
    assert rows == ["all, recorded", "all", "all, compiled", "all, compiled, recorded"]
