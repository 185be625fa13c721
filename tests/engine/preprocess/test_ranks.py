"""Several processes preprocess as one does: the same folder to the last bit, one event log, failures told."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.team import Team
from sidestep_tui.runs.events import Progress
from sidestep_tui.runs.log import EventWriter, read_events
from sidestep_tui.runs.state import replay
from tests.engine.conftest import Engine
from tests.engine.preprocess.conftest import write_song
from tests.engine.ranks_of import work_as_torchrun


@pytest.fixture
def document(tiny_checkpoint: Path, tmp_path: Path) -> dict[str, Any]:
    """Settings that preprocess four songs and a file that is none."""
    songs = tmp_path / "songs"
    for index in range(4):
        write_song(songs / f"song {index}.wav", 220 * 1.5**index)
        (songs / f"song {index}.caption.txt").write_text(f"caption {index}", "utf-8")
    write_song(songs / "a short one.wav", 440, seconds=0.5)
    return {"model": {"checkpoint": str(tiny_checkpoint), "device": "cpu"}, "dataset": str(songs)}


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_two_processes_write_the_folder_that_one_writes(
    engine: Engine, document: dict[str, Any], tmp_path: Path
) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    engine.run("alone", "preprocess", {**document, "output": str(alone)})
    run = engine.create("shared", "preprocess", {**document, "output": str(shared), "processes": 2})
    codes, state = work_as_torchrun(run)
    assert (codes, state.status) == ([0, 0], "completed"), state.failure
    assert _files(shared) == _files(alone)
    assert len(json.loads((shared / "manifest.json").read_text())["songs"]) == 4
    assert (state.results["songs"], state.results["encoded"], state.results["failed"]) == (4, 4, 1)
    assert [warning.what for warning in state.warnings] == [
        "a short one.wav is left out: The song is shorter than one second."
    ]
    told = [event for event in read_events(run.events_file) if isinstance(event, Progress)]
    assert {(event.done, event.total, event.failed) for event in told} >= {(5, 5, 1), (4, 4, 1)}

    again = engine.create("again", "preprocess", {**document, "output": str(shared), "processes": 2})
    subprocess.run([sys.executable, "-m", "sidestep_tui.engine", str(again.path)], timeout=240, check=True)
    assert replay(read_events(again.events_file)).results["encoded"] == 0
    assert _files(shared) == _files(alone)


@pytest.fixture
def context(engine: Engine, document: dict[str, Any], tmp_path: Path) -> Callable[[], JobContext]:
    run = engine.create("silent", "preprocess", {**document, "output": str(tmp_path / "tensors")})
    return lambda: JobContext(run, None)


class _Store:
    """The part of torch's key-value store that a team uses."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def set(self, key: str, value: str) -> None:
        self.values[key] = value.encode()

    def get(self, key: str) -> bytes:
        return self.values[key]

    def check(self, keys: list[str]) -> bool:
        return all(key in self.values for key in keys)


def test_figures_of_all_ranks_are_added_up(context: Callable[[], JobContext]) -> None:
    store = _Store()
    first, second = (Team(context(), Ranks(rank, 2, store=store)) for rank in (0, 1))  # type: ignore[arg-type]
    assert first.tally("audio", 1, 3, 0) == (1, 6, 0)
    assert second.tally("audio", 1, 2, 1) == (2, 5, 1)
    assert first.tally("audio", 2, 3, 0) == (3, 5, 1)
    assert first.tally("texts", 0, 2, 0) == (0, 4, 0)


class _LastMoment(_Store):
    """The other rank says how far it is and comes to the meeting between two looks."""

    def add(self, _key: str, number: int) -> int:
        if number:
            return 1
        self.set("audio/1", json.dumps([2, 2, 0]))
        return 2


def test_progress_ends_where_all_are_done_although_one_came_last(
    engine: Engine, document: dict[str, Any], tmp_path: Path
) -> None:
    run = engine.create("told", "preprocess", {**document, "output": str(tmp_path / "tensors")})
    with EventWriter(run.events_file) as events:
        context = JobContext(run, events)
        context.team = Team(context, Ranks(0, 2, store=_LastMoment()))  # type: ignore[arg-type]
        context.phase("audio")
        context.progress(2, 2, "songs")
        context.team.meet()
    told = [event for event in read_events(run.events_file) if isinstance(event, Progress)]
    assert [(event.done, event.total) for event in told] == [(2, 4), (4, 4)]


def test_whoever_is_asked_to_stop_stops_all(context: Callable[[], JobContext]) -> None:
    store = _Store()
    first, second = (Team(context(), Ranks(rank, 2, store=store)) for rank in (0, 1))  # type: ignore[arg-type]
    assert (first.hear(None), second.hear(None)) == (None, None)
    assert (second.hear("received SIGTERM"), first.hear(None)) == ("received SIGTERM", "received SIGTERM")
