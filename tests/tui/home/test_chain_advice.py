"""The advice for a chain that the wizard made in one go: about the run that is at work, or that broke it."""

from pathlib import Path

import pytest

from sidestep_tui.config.jobs import JobName
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import Condition, RunSummary
from sidestep_tui.runs.state import RunState
from sidestep_tui.tui.home.next_step import next_step

NOW = 1000.0


def run(name: str, job: JobName, condition: Condition, made: float = NOW) -> RunSummary:
    state = RunState(failure=ev.RunFailed(what="No space is left.") if condition == "failed" else None)
    return RunSummary(RunDirectory(Path("/runs") / name), job, made, condition, state)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("running", "tune-preprocess is running"),
        ("failed", "tune-preprocess failed: No space is left."),
        ("stopped", "tune-preprocess was stopped"),
        ("waiting", "tune was saved but not started"),
        ("completed", "tune was saved but not started"),
    ],
)
def test_training_waits_for_what_goes_before_it(encoding: Condition, expected: str) -> None:
    runs = [run("tune", "train", "waiting"), run("tune-preprocess", "preprocess", encoding, NOW - 0.01)]
    assert expected in next_step(runs)


def test_an_older_run_is_no_part_of_the_chain() -> None:
    runs = [run("tune", "train", "waiting"), run("other", "train", "failed", NOW - 60)]
    assert "tune was saved but not started" in next_step(runs)
