"""Which chains work at this moment: the user's own queue, ended chains and damaged files are none."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import portalocker
import pytest

from sidestep_tui.config.jobs import ExportSettings
from sidestep_tui.runs import queue, standing
from sidestep_tui.runs.chains import runs_before, working_chains
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.queue import start_queue


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunDirectory]:
    """Three runs; no process is started for them."""
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(queue, "resume_queue", lambda _file: None)
    settings = ExportSettings(adapter=Path("a"), output=Path("b"))
    return [create_run(tmp_path / name, "export", settings) for name in ("first", "second", "third")]


@pytest.fixture
def working() -> Iterator[ExitStack]:
    """Keeps the locks of queue files, as their processes would."""
    with ExitStack() as stack:
        yield stack


def work(stack: ExitStack, file: Path) -> None:
    """As if a process were at this queue."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context(file.with_suffix(".lock").open("ab"))
    portalocker.lock(lock, portalocker.LOCK_EX)


def test_only_chains_that_work_are_found(runs: list[RunDirectory], working: ExitStack) -> None:
    assert working_chains() == []
    older, newer, _ended = start_queue(runs), start_queue(runs[:2]), start_queue(runs[1:])
    standing.add(runs[0])
    for file in (older, newer, standing.queue_file()):
        work(working, file)
    assert [chain.runs for chain in working_chains()] == [tuple(runs), tuple(runs[:2])]
    working.close()
    assert working_chains() == []


def test_a_damaged_chain_does_not_hide_the_others(runs: list[RunDirectory], working: ExitStack) -> None:
    damaged, whole = start_queue(runs), start_queue(runs[:2])
    damaged.write_text("{")
    for file in (damaged, whole):
        work(working, file)
    assert [chain.runs for chain in working_chains()] == [tuple(runs[:2])]


def test_each_run_but_the_first_has_one_before_it(runs: list[RunDirectory], working: ExitStack) -> None:
    work(working, start_queue(runs))
    first, second, third = runs
    assert runs_before(working_chains()) == {second: first, third: second}
