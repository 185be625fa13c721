"""The standing queue: changed in place, and worked off without its viewer."""

from typing import Any

import pytest

from sidestep_tui.runs import standing, worker
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.queue import (
    Queue,
    condition_of,
    is_worked_on,
    sole_worker,
)
from sidestep_tui.runs.removal import remove_run
from sidestep_tui.runs.worker import main


def test_the_standing_queue_is_changed_in_place(runs: list[RunDirectory]) -> None:
    for run in runs:
        standing.add(run)
    standing.add(runs[0])
    assert standing.read().runs == tuple(runs)
    assert standing.read().skip_failures
    standing.move(runs[1], -1)
    assert standing.read().runs == (runs[1], runs[0])
    standing.move(runs[1], -1)
    assert standing.read().runs == (runs[1], runs[0])
    standing.set_paused(True)
    standing.set_skip_failures(False)
    standing.remove(runs[1])
    assert standing.read() == Queue((runs[0],), paused=True, skip_failures=False)
    assert not standing.ensure_worker()


def test_a_run_that_is_deleted_leaves_the_queue(runs: list[RunDirectory]) -> None:
    standing.set_paused(True)
    for run in runs:
        standing.add(run)
    remove_run(runs[0])
    assert standing.read().runs == (runs[1],)


def test_the_standing_queue_works_without_its_viewer(runs: list[RunDirectory], stub_engine: Any) -> None:
    stub_engine("complete")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standing, "resume_queue", lambda file: main([str(file)]))  # the same, in this process
        for run in runs:
            standing.add(run)
        assert standing.ensure_worker()
    assert [condition_of(run) for run in runs] == ["completed", "completed"]
    assert not standing.ensure_worker()


def test_a_run_added_while_the_worker_ends_is_worked_off(
    runs: list[RunDirectory], stub_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run comes after the worker's last look, when its lock is still seen."""
    stub_engine("complete")
    standing.add(runs[0])
    work = worker.work_off

    def work_and_add(*words: Any, **named: Any) -> None:
        work(*words, **named)
        if runs[1] not in standing.read().runs:
            standing.add(runs[1])
            assert not standing.ensure_worker()  # a worker is seen

    monkeypatch.setattr(worker, "work_off", work_and_add)
    assert main([str(standing.queue_file())]) == 0
    assert [condition_of(run) for run in runs] == ["completed", "completed"]


def test_looking_for_a_worker_is_not_taken_for_one(runs: list[RunDirectory]) -> None:
    standing.add(runs[0])
    file = standing.queue_file()
    assert not is_worked_on(file)
    assert not file.with_suffix(".lock").exists()  # looking makes none
    with sole_worker(file):
        assert is_worked_on(file)
    assert not is_worked_on(file)
