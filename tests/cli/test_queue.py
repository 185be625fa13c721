"""`sidestep queue`: what it says and refuses; how runs follow one another is tested in `tests/runs`."""

import shutil

import pytest

from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import RunCompleted, RunStarted
from sidestep_tui.runs.log import EventWriter


@pytest.fixture
def prepared(sidestep, inputs, tmp_path):
    """`prepared("one")`: a run that waits, while the queue is paused."""
    assert "empty, and paused" in sidestep("queue", "pause").out

    def make(name):
        sidestep("train", *inputs, "--output", tmp_path / name, "--prepare")
        return RunDirectory(tmp_path / name)

    return make


def names(sidestep, *arguments):
    return [run["path"].rpartition("/")[2] for run in sidestep("queue", *arguments, "--json").json()["runs"]]


def test_runs_are_added_moved_and_taken_out(sidestep, prepared):
    for name in ("one", "two", "three"):
        prepared(name)
    assert names(sidestep, "add", "one", "two") == ["one", "two"]
    assert names(sidestep, "move", "two", "-1") == ["two", "one"]
    for verb in (("remove", "three"), ("move", "three", "1")):
        result = sidestep("queue", *verb)
        assert (result.code, "'three' is not in the queue" in result.err) == (2, True)
    assert names(sidestep, "remove", "two") == ["one"]


def test_a_run_that_is_gone_can_be_taken_out(sidestep, prepared):
    run = prepared("one")
    sidestep("queue", "add", "one")
    shutil.rmtree(run.path)
    assert "missing" in sidestep("queue", "list").out
    assert names(sidestep, "remove", "one") == []


def test_a_run_that_did_its_work_is_refused(sidestep, prepared):
    run = prepared("done")
    with EventWriter(run.events_file) as log:
        log.write(RunStarted(job="train", pid=1, host="box", device="cpu", version="1"))
        log.write(RunCompleted(results={}))
    result = sidestep("queue", "add", "done")
    assert (result.code, "did all of its work" in result.err) == (2, True)
    assert names(sidestep, "list") == []


def test_a_queue_whose_process_was_just_started_is_not_called_idle(sidestep, prepared, monkeypatch):
    prepared("one")
    sidestep("queue", "add", "one")
    monkeypatch.setattr("sidestep_tui.runs.standing.resume_queue", lambda _: None)
    assert "The queue is working" in sidestep("queue", "resume").out
