"""What `sidestep preflight` says at the end, with the engine's part given."""

import json
from pathlib import Path

from sidestep_tui.cli import preflight
from sidestep_tui.cli.output import Output
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.measured import TABLE

GIB = 1024**3


def test_the_policies_and_the_whole_run_are_told(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    run = RunDirectory(tmp_path)
    no = {"checkpointing": "none", "fits": False, "free_bytes": 8 * GIB, "problem": "full"}
    yes = {
        "checkpointing": "half", "fits": True, "free_bytes": 8 * GIB, "peak_bytes": 5 * GIB, "seconds": 0.5,
        "fastest": 0.4, "slowest": 0.7, "longest_seconds": 0.8, "data_wait": 0.02,
    }  # fmt: skip
    (tmp_path / TABLE).write_text(json.dumps([no, yes]))
    results = {"steps": 7200, "seconds_in_all": 3600.0, "disk_bytes": 3 * 1024**2, "disk_free_bytes": 60 * GIB}
    with EventWriter(run.events_file) as events:
        events.write(ev.RunCompleted(results=results))
    preflight._show(run, Output(as_json=False))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        "none no – 8.0 GiB free – – – –",
        "half yes 5.0 GiB 8.0 GiB free 0.500 0.400-0.700 0.800 s 2%",
        "Train with --memory.checkpointing half, the fastest that fits; auto takes it from now on.",
        "7200 steps take about 1 h 00 min, validation and samples left out.",
        "Checkpoints and samples take up to 3.0 MiB of disk; 60.0 GiB are free here.",
    ]
    preflight._show(run, Output(as_json=True))
    assert capsys.readouterr().out == ""
