"""Which chains work or could go on, what their runs wait for, and that a chain goes when nothing is left of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import portalocker
import pytest

from sidestep_tui.config.jobs import ExportSettings
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import queue, standing
from sidestep_tui.runs.chains import Wait, check_turn, runs_before, unfinished_chains, wait_of, working_chains
from sidestep_tui.runs.devices import note_devices
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.history import summarise
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.queue import clear_finished, queues_home, start_queue
from sidestep_tui.runs.removal import remove_run


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


def finish(run: RunDirectory, end: ev.Event | None = None) -> None:
    """What an engine leaves in the log."""
    with EventWriter(run.events_file) as events:
        events.write(ev.RunStarted(job="export", pid=1, host="h", device="cpu", version="0"))
        events.write(end or ev.RunCompleted())


def unfinished() -> list[tuple[list[str], bool]]:
    return [([each.run.name for each in chain.left], chain.working) for chain in unfinished_chains(summarise)]


def test_a_chain_is_on_record_until_nothing_is_left_of_it(runs: list[RunDirectory], working: ExitStack) -> None:
    first, second, third = runs
    file = start_queue(runs)
    work(working, file)
    assert unfinished() == [(["first", "second", "third"], True)]
    finish(first)
    assert unfinished() == [(["second", "third"], True)]
    working.close()
    assert unfinished() == [(["second", "third"], False)]
    with second.held():  # its engine outlives the chain's process
        (chain,) = unfinished_chains(summarise)
        assert chain.was_cut_off
    finish(second, ev.RunFailed(what="no"))
    (chain,) = unfinished_chains(summarise)
    assert not chain.was_cut_off
    finish(second)
    (chain,) = unfinished_chains(summarise)
    assert chain.was_cut_off  # nothing went wrong with what is next
    finish(third)
    assert unfinished() == []
    assert file.exists()  # whoever looks takes nothing away
    newer = start_queue(runs[:1])
    assert list(queues_home().glob("*.json")) == [newer]


@pytest.mark.parametrize("left", ["a run that waits", "a failed run", "a run on a disk that is gone"])
def test_a_chain_that_could_go_on_is_not_cleared_away(
    runs: list[RunDirectory], tmp_path: Path, left: str, working: ExitStack
) -> None:
    file = start_queue(runs)
    for run in runs[:-1] if left == "a run that waits" else runs:
        finish(run, ev.RunFailed(what="no") if left == "a failed run" and run == runs[1] else None)
    if left == "a run on a disk that is gone":
        write_json_atomic(file, {"runs": [str(tmp_path / "mounted" / "runs" / "first")]})
    clear_finished()
    assert file.exists()


def test_what_is_cut_off_while_a_chain_is_cleared_away_is_done_again(
    runs: list[RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in runs[:2]:
        finish(run)
    remove_run(runs[2])
    file = start_queue(runs)
    file.with_suffix(".log").touch()
    unlink = Path.unlink

    def cut_off(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", cut_off)
        with pytest.raises(KeyboardInterrupt):
            clear_finished()
    assert list(queues_home().iterdir()) == [file]
    clear_finished()
    assert list(queues_home().iterdir()) == []


def test_a_chain_at_work_is_not_cleared_away(runs: list[RunDirectory], working: ExitStack) -> None:
    for run in runs:
        finish(run)
    file = start_queue(runs)
    work(working, file)
    clear_finished()
    assert file.exists()


def test_a_clock_that_was_set_back_makes_no_chain_older(
    runs: list[RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    older = start_queue(runs)
    monkeypatch.setattr(queue, "time", SimpleNamespace(time_ns=lambda: 1))
    newer = start_queue(runs)
    assert sorted(queues_home().glob("*.json")) == [older, newer]


def test_a_run_out_of_turn_is_refused_until_what_it_needs_is_there(
    runs: list[RunDirectory], working: ExitStack
) -> None:
    first, second, third = runs
    work(working, start_queue(runs))
    check_turn(first)
    for run, before in ((second, "first"), (third, "second")):
        with pytest.raises(SidestepError, match=f"by itself, after {before}: ") as refused:
            check_turn(run)
        assert (refused.value.where, "sidestep queue list" in (refused.value.fix or "")) == (str(run.path), True)
    finish(first)
    check_turn(second)
    with pytest.raises(SidestepError):
        check_turn(third)
    working.close()
    check_turn(third)


def test_a_run_that_a_queue_starts_tells_what_it_waits_for(
    runs: list[RunDirectory], working: ExitStack, tmp_path: Path
) -> None:
    first, second, third = runs
    work(working, start_queue(runs[:2]))
    other = create_run(tmp_path / "home" / "runs" / "other", "export", first.settings())
    assert wait_of(summarise(second)) == Wait(after=first)
    assert wait_of(summarise(first)) == wait_of(summarise(third)) == Wait()
    with other.held():
        note_devices(other)
        assert wait_of(summarise(first)) == Wait(kept_by=other)
        assert wait_of(summarise(second)) == Wait(after=first)
        finish(first)
        assert wait_of(summarise(second)) == Wait(kept_by=other)
        (chain,) = unfinished_chains(summarise)
        assert chain.kept_by == (other,)
        standing.add(third)
        assert wait_of(summarise(third)) == Wait()
        work(working, standing.queue_file())
        assert wait_of(summarise(third)) == Wait(kept_by=other)
        standing.set_paused(True)
        assert wait_of(summarise(third)) == Wait()
        assert wait_of(summarise(other)) == Wait()
    assert wait_of(summarise(second)) == Wait(after=first)
