"""A queue starts no run on a device where another one is at work: it waits, and looks at the queue meanwhile."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sidestep_tui.config.jobs import ExportSettings
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.devices import note_devices, turn_at
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.events import RunCompleted, RunStarted
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.queue import Queue
from sidestep_tui.runs.removal import remove_run
from sidestep_tui.runs.worker import work_off


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[RunDirectory]:
    """Three runs on the processor, in the usual place."""
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path))
    settings = ExportSettings(adapter=Path("a"), output=Path("b"))
    return [create_run(tmp_path / "runs" / name, "export", settings) for name in ("other", "first", "second")]


class World:
    """What happens while a queue works: which runs it starts, and what comes to pass at each of its waits."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.waits: list[Callable[[], object]] = []
        self.held = ExitStack()

    def begin(self, run: RunDirectory) -> None:
        """Somebody starts a run by hand."""
        self.held.enter_context(run.held())
        note_devices(run)

    def start(self, run: RunDirectory) -> None:
        """The queue starts a run, which is done at once."""
        self.started.append(run.name)
        complete(run)

    def wait(self, _seconds: float) -> None:
        """The next thing happens."""
        self.waits.pop(0)()

    def work_off(self, read: Callable[[], Queue]) -> None:
        work_off(read, start=self.start, wait=self.wait)
        assert self.waits == []


def complete(run: RunDirectory) -> None:
    with EventWriter(run.events_file) as events:
        events.write(RunStarted(job="export", pid=1, host="h", device="cpu", version="0"))
        events.write(RunCompleted())


@pytest.fixture
def world() -> World:
    return World()


def test_it_waits_for_a_run_that_somebody_else_has_started(
    runs: list[RunDirectory], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    other, *queued = runs
    world.begin(other)
    world.waits = [lambda: None, lambda: world.started.append("waited"), world.held.close]
    world.work_off(lambda: Queue(tuple(queued)))
    assert world.started == ["waited", "first", "second"]
    assert capsys.readouterr().out.count(f"waits for {other.path} on cpu") == 1


def test_it_waits_for_the_turn_of_another_queue(
    runs: list[RunDirectory], world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.held.enter_context(turn_at({"cpu"}))
    world.waits = [lambda: None, world.held.close]
    world.work_off(lambda: Queue(tuple(runs[1:])))
    assert world.started == ["first", "second"]
    assert "waits for another queue on cpu" in capsys.readouterr().out


def test_no_other_queue_has_the_turn_while_a_run_is_under_way(runs: list[RunDirectory], world: World) -> None:
    seen: list[bool] = []

    def start(run: RunDirectory) -> None:
        with turn_at({"cpu"}) as ours:
            seen.append(ours)
        complete(run)

    work_off(lambda: Queue(tuple(runs)), start=start, wait=world.wait)
    with turn_at({"cpu"}) as ours:
        seen.append(ours)
    assert seen == [False, False, False, True]


@pytest.mark.parametrize("change", [{"paused": True}, {"runs": ()}])
def test_a_queue_that_is_changed_meanwhile_starts_something_else(
    runs: list[RunDirectory], world: World, change: dict[str, object]
) -> None:
    other, first, _second = runs
    queues = [Queue((first,))]
    world.begin(other)
    world.waits = [lambda: queues.append(replace(queues[0], **change))]
    world.work_off(lambda: queues[-1])
    assert world.started == []


def test_a_run_that_is_started_by_hand_meanwhile_is_waited_for(runs: list[RunDirectory], world: World) -> None:
    other, first, second = runs
    world.begin(other)

    def end() -> None:
        complete(first)
        world.held.close()

    world.waits = [lambda: world.begin(first), end]
    world.work_off(lambda: Queue((first, second)))
    assert world.started == ["second"]


def test_a_run_that_was_done_by_hand_meanwhile_is_not_started_again(runs: list[RunDirectory], world: World) -> None:
    other, first, second = runs
    world.begin(other)
    world.waits = [lambda: complete(first), world.held.close]
    world.work_off(lambda: Queue((first, second)))
    assert world.started == ["second"]


def test_a_deleted_run_does_not_hold_up_what_follows_it(runs: list[RunDirectory], world: World) -> None:
    remove_run(runs[1])
    world.work_off(lambda: Queue(tuple(runs)))
    assert world.started == ["other", "second"]


def test_a_run_that_cannot_be_read_ends_the_queue_or_is_skipped(runs: list[RunDirectory], world: World) -> None:
    runs[0].config_file.write_text("{", encoding="utf-8")
    with pytest.raises(SidestepError, match="cannot be read"):
        world.work_off(lambda: Queue(tuple(runs)))
    assert world.started == []
    world.work_off(lambda: Queue(tuple(runs), skip_failures=True))
    assert world.started == ["first", "second"]
