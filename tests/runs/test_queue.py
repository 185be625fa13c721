"""A queue of runs: order, what ends it, going on after an interruption, and its own session."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs import standing
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import RunCompleted, RunFailed, RunStarted
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.queue import (
    Queue,
    queues_home,
    read_queue,
    resume_queue,
    sole_worker,
    start_queue,
)
from sidestep_tui.runs.worker import main, work_off


def finish(run: RunDirectory, *, well: bool = True) -> None:
    """What an engine leaves in the log."""
    with EventWriter(run.events_file) as events:
        events.write(RunStarted(job="export", pid=1, host="h", device="cpu", version="0"))
        events.write(RunCompleted() if well else RunFailed(what="no"))


def no_wait(_seconds: float) -> None:
    raise AssertionError("nothing is alive here")


def test_runs_follow_one_another(runs: list[RunDirectory]) -> None:
    started: list[str] = []

    def start(run: RunDirectory) -> None:
        started.append(run.name)
        finish(run)

    work_off(lambda: Queue(tuple(runs)), start=start, wait=no_wait)
    assert started == ["first", "second"]


def test_a_failed_run_ends_the_queue(runs: list[RunDirectory]) -> None:
    started: list[str] = []

    def start(run: RunDirectory) -> None:
        started.append(run.name)
        finish(run, well=False)

    with pytest.raises(SidestepError, match="failed"):
        work_off(lambda: Queue(tuple(runs)), start=start, wait=no_wait)
    assert started == ["first"]


def test_a_queue_goes_on_where_it_was(runs: list[RunDirectory]) -> None:
    finish(runs[0])
    started: list[str] = []

    def start(run: RunDirectory) -> None:
        started.append(run.name)
        finish(run)

    work_off(lambda: Queue(tuple(runs)), start=start, wait=no_wait)
    assert started == ["second"]


def test_a_living_run_is_waited_for_and_not_started_again(runs: list[RunDirectory]) -> None:
    finish(runs[1])
    holder = runs[0].held()
    holder.__enter__()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        finish(runs[0])
        holder.__exit__(None, None, None)

    work_off(lambda: Queue(tuple(runs)), start=lambda _run: pytest.fail("it is alive already"), wait=wait)
    assert len(waits) == 1


def test_the_process_has_a_session_of_its_own_and_says_how_it_ended(runs: list[RunDirectory]) -> None:
    for run in runs:
        finish(run)
        standing.add(run)
    pid = resume_queue(standing.queue_file())
    assert os.getsid(pid) == pid
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert standing.queue_file().with_suffix(".log").read_text(encoding="utf-8") == ""


def test_a_chain_that_is_done_leaves_nothing_behind(runs: list[RunDirectory], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidestep_tui.runs.queue.resume_queue", lambda _file: None)
    for run in runs:
        finish(run)
    file = start_queue(runs)
    assert read_queue(file).runs == tuple(runs)
    pid = resume_queue(file)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert list(queues_home().iterdir()) == []


def test_exit_codes(runs: list[RunDirectory], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main([str(tmp_path / "none.json")]) == 1
    assert main([str(tmp_path / "1234.json")]) == 0  # a chain whose last worker has cleared it away
    for run in runs:
        finish(run)
        standing.add(run)
    assert main([str(standing.queue_file())]) == 0
    with sole_worker(standing.queue_file()):
        assert main([str(standing.queue_file())]) == 1
    assert "worked off already" in capsys.readouterr().err


def test_a_queue_can_skip_what_failed_and_does_not_try_it_again(runs: list[RunDirectory]) -> None:
    held = Queue(tuple(runs), skip_failures=True)
    started: list[str] = []

    def start(run: RunDirectory) -> None:
        started.append(run.name)
        finish(run, well=run.name != "first")

    work_off(lambda: held, start=start, wait=no_wait)
    work_off(lambda: held, start=start, wait=no_wait)
    assert started == ["first", "second"]


@pytest.mark.parametrize("skips", [True, False])
def test_a_run_that_had_ended_when_it_was_put_in_goes_on_once(runs: list[RunDirectory], skips: bool) -> None:
    """It was taken for one that the queue itself had tried, and waited for ever."""
    finish(runs[0], well=False)
    for run in runs:
        standing.add(run)
    standing.set_skip_failures(skips)
    started: list[str] = []

    def start(run: RunDirectory) -> None:
        started.append(run.name)
        finish(run, well=run.name != "first")

    with suppress(SidestepError):
        work_off(standing.read, start=start, wait=no_wait)
    assert started == (["first", "second"] if skips else ["first"])
    started.clear()
    if skips:
        work_off(standing.read, start=start, wait=no_wait)
        assert started == []
        standing.add(runs[0])
        work_off(standing.read, start=start, wait=no_wait)
        assert started == ["first"]


def test_a_failed_run_that_is_put_in_again_has_its_turn_while_the_queue_works(runs: list[RunDirectory]) -> None:
    for run in runs:
        standing.add(run)
    started: list[str] = []

    def start(run: RunDirectory) -> None:
        started.append(run.name)
        finish(run, well=run.name != "first")
        if run.name == "second":
            standing.add(runs[0])

    work_off(standing.read, start=start, wait=no_wait)
    assert started == ["first", "second", "first"], "the second time it is not put in again"


def test_a_queue_is_read_anew_before_every_run(runs: list[RunDirectory]) -> None:
    queues = iter([Queue((runs[0],)), Queue(tuple(runs)), Queue(tuple(runs), paused=True)])
    started: list[str] = []

    def start(run: RunDirectory) -> None:
        started.append(run.name)
        finish(run)

    work_off(lambda: next(queues), start=start, wait=no_wait)
    assert started == ["first", "second"]
