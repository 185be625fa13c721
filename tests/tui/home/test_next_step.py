"""The advice on the home screen, for every state of things."""

from pathlib import Path

import pytest

from sidestep_tui.config.jobs import JOBS, JobName
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import Condition, RunSummary
from sidestep_tui.runs.state import RunState
from sidestep_tui.tui.home.next_step import next_step


def run(name: str, condition: Condition, job: JobName = "train", **state: object) -> RunSummary:
    return RunSummary(RunDirectory(Path("/runs") / name), job, 0.0, condition, RunState(**state))  # type: ignore[arg-type]


SUNG = ev.SampleWritten(path="samples/a.flac", prompt="a waltz", seed=1, step=400)
SAVED = (ev.CheckpointSaved(step=400, path="x"),)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], "Press n to set up your first run"),
        ([run("a", "interrupted", checkpoints=SAVED)], "on its row to continue it from its checkpoint at step 400."),
        ([run("a", "interrupted")], "from the start: it had saved nothing"),
        ([run("a", "interrupted", "preflight")], "Press r on its row to continue it from the start."),
        ([run("a", "interrupted", "preprocess")], "Press r on its row to continue it with what is left."),
        ([run("a", "running", phase="loading the model")], "a is running: loading the model. Enter watches it."),
        (
            [run("a", "running", phase=ev.WAITING_FOR_ROOM, progress=ev.Progress(done=9, total=9, unit="songs"))],
            "a is running: waiting for room on the disk. Enter watches it.",
        ),
        ([run("a", "failed", failure=ev.RunFailed(what="No space is left."))], "a failed: No space is left."),
        ([run("a", "stopped")], "a was stopped. Press r on its row"),
        ([run("a", "waiting")], "a was saved but not started. Press r on its row"),
        ([run("a", "completed", "preprocess")], "Press n to train on them"),
        ([run("a", "completed", "estimate")], "The layers are ranked"),
        ([run("a", "completed")], "y shows the command that lets you hear it"),
        ([run("a", "completed", samples=(SUNG,))], "Enter and then a shows the songs"),
        ([run("a", "completed", "generate")], "The song is written"),
        ([run("a", "completed", "export")], "The adapter is exported"),
        ([run("new", "completed"), run("old", "interrupted")], "old was interrupted"),
        ([run("new", "running"), run("old", "interrupted")], "new is running"),
    ],
)
def test_advice(runs: list[RunSummary], expected: str) -> None:
    assert expected in next_step(runs)


@pytest.mark.parametrize(("condition", "is_told"), [("interrupted", True), ("completed", True), ("running", False)])
def test_a_queue_that_nothing_works_on_comes_first(condition: Condition, is_told: bool) -> None:
    told = next_step([run("a", condition)], queue_is_deserted=True)
    assert ("Press u and they go on" in told) == is_told


@pytest.mark.parametrize("job", JOBS)
def test_every_job_has_advice_when_it_is_done(job: JobName) -> None:
    assert next_step([run("a", "completed", job)]).endswith(".")
