"""The user's queue and a chain on one device, in processes of their own: one run at a time, and nothing left behind."""

import itertools
from pathlib import Path

import pytest

from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.optimisation import TrainingSettings
from sidestep_tui.config.places import runs_home
from sidestep_tui.config.train import DataSettings, TrainSettings, ValidationSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import standing
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.history import summarise
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.queue import is_worked_on, queues_home, start_queue

from .conftest import until

pytestmark = pytest.mark.slow


@pytest.fixture
def runs(tensors: Path, tiny_checkpoint: Path) -> list[RunDirectory]:
    """Three short trainings that were saved and not started."""
    settings = TrainSettings(
        model=ModelSettings(checkpoint=tiny_checkpoint, device="cpu"),
        data=DataSettings(tensors=tensors),
        training=TrainingSettings(epochs=2),
        validation=ValidationSettings(songs=0),
    )
    return [create_run(runs_home() / name, "train", settings) for name in ("a", "b", "c")]


def test_two_queues_take_turns_at_one_device(runs: list[RunDirectory]) -> None:
    standing.add(runs[0])
    standing.ensure_worker()
    chain = start_queue(runs[1:])
    until(lambda: all(summarise(run).condition == "completed" for run in runs), "all of them are done")
    times = sorted(_from_start_to_end(run) for run in runs)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(times)), times
    until(lambda: not chain.exists() and not is_worked_on(standing.queue_file()), "both processes have ended")
    left = {file.suffix for file in queues_home().iterdir()}
    assert left == {".json", ".lock", ".log", ".edit", ".turn"}
    assert list(queues_home().glob("*.json")) == [standing.queue_file()]


def _from_start_to_end(run: RunDirectory) -> tuple[float, float]:
    events = read_events(run.events_file)
    assert [type(event) for event in (events[0], events[-1])] == [ev.RunStarted, ev.RunCompleted]
    return events[0].time, events[-1].time
