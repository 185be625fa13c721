"""A reboot in the middle of the queue: its engine, its process and its viewer are gone, and it goes on later."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.optimisation import TrainingSettings
from sidestep_tui.config.places import runs_home
from sidestep_tui.config.train import CheckpointSettings, DataSettings, TrainSettings, ValidationSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import standing
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.history import summarise
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.queue import is_worked_on

from .conftest import SIDESTEP, Terminals, needs_tmux, until

pytestmark = [pytest.mark.slow, needs_tmux]
EPOCHS = {"first": 30, "second": 1}


@pytest.fixture
def runs(tensors: Path, tiny_checkpoint: Path) -> Iterator[list[RunDirectory]]:
    """Two runs that were saved and not started; nothing works on them any more at the end."""
    made = []
    for name, epochs in EPOCHS.items():
        settings = TrainSettings(
            model=ModelSettings(checkpoint=tiny_checkpoint, device="cpu"),
            data=DataSettings(tensors=tensors),
            training=TrainingSettings(epochs=epochs),
            validation=ValidationSettings(songs=0),
            checkpoints=CheckpointSettings(every_epochs=5),
        )
        made.append(create_run(runs_home() / name, "train", settings))
    yield made
    kill(*workers(), *engines(made))


def workers() -> list[psutil.Process]:
    """The processes of the queue."""
    file = str(standing.queue_file())
    return [one for one in psutil.process_iter() if file in _words(one)]


def engines(runs: list[RunDirectory]) -> list[psutil.Process]:
    """The engines that work on these runs."""
    return [one for one in psutil.process_iter() if any(str(run.path) in _words(one) for run in runs)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has ended since
        return []


def kill(*processes: psutil.Process) -> None:
    """As a power cut would: no process has a last word."""
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=10)


def test_a_queue_that_a_reboot_has_cut_off_says_so_and_goes_on(terminals: Terminals, runs: list[RunDirectory]) -> None:
    first = runs[0]
    terminals.start("before", *SIDESTEP, "queue", "add", *(run.path for run in runs))
    until(lambda: bool(summarise(first).state.checkpoints), "the first run has saved something")
    kill(*workers(), *engines(runs))
    terminals.kill("before")
    assert not is_worked_on(standing.queue_file())
    assert [summarise(run).condition for run in runs] == ["interrupted", "waiting"]

    terminals.start("after", *SIDESTEP)
    until(lambda: "! interrupted" in terminals.text("after"), "home says what became of the run")
    until(lambda: "Press u and they go on" in " ".join(terminals.text("after").split()), "and what to do about all")
    until(lambda: "○ waiting" in terminals.text("after"), "and that the other one waits")
    terminals.press("after", "u")
    until(lambda: "The queue is working" in terminals.text("after"), "the queue goes on when it is looked at")
    until(lambda: terminals.text("after").count("✓ completed") == 2, "it works all of its runs off")
    until(lambda: "The queue is idle" in terminals.text("after"), "and says that it has nothing more to do")
    starts = [[e for e in read_events(run.events_file) if isinstance(e, ev.RunStarted)] for run in runs]
    assert [len(times) for times in starts] == [2, 1]
    resumed = starts[0][1].resumed_from_step
    assert resumed
    assert summarise(first).state.step > resumed
