"""A disk that is full for a while: what a training run has learned is written once there is room."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError
from torch.utils.tensorboard import SummaryWriter

from sidestep_tui.config.fields import put
from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.engine import tensor_files
from sidestep_tui.engine.training import room, sampler
from sidestep_tui.engine.training.validation import Validator
from sidestep_tui.errors import NoRoomError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import PhaseChanged, ValidationCompleted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine


@dataclass
class Disk:
    """Lacks room for the paths that `is_full` names; `while_waiting` is called each time somebody waits for it."""

    is_full: Callable[[str], bool] = lambda _path: False
    while_waiting: Callable[[], None] = lambda: None
    waited: int = 0

    def wait(self, _seconds: float) -> None:
        self.waited += 1
        assert self.waited < 9, "it waits for ever"
        self.while_waiting()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    save_file, save = tensor_files.save_file, tensor_files.torch.save

    def write_safetensors(tensors: Any, path: Path, metadata: Any) -> None:
        if disk.is_full(str(path)):
            raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
        save_file(tensors, path, metadata)

    def write_state(document: Any, path: Path) -> None:
        if disk.is_full(str(path)):
            path.unlink()
            path.symlink_to("/dev/full")
        save(document, path)

    monkeypatch.setattr(tensor_files, "save_file", write_safetensors)
    monkeypatch.setattr(tensor_files.torch, "save", write_state)
    monkeypatch.setattr(room.time, "sleep", disk.wait)
    return disk


def _saved(run: RunDirectory) -> list[str]:
    return sorted(folder.name for folder in run.checkpoints.iterdir())


def _ask_to_stop(run: RunDirectory) -> None:
    (run.commands / "1-stop.json").write_text('{"command": "stop"}', "utf-8")


@pytest.mark.parametrize("file", ["adapter_model", "trainer"])
def test_a_checkpoint_without_room_is_told_and_the_training_goes_on_to_the_next(
    engine: Engine, train_document: dict[str, Any], disk: Disk, file: str
) -> None:
    disk.is_full = lambda path: "step-00000004" in path and file in path
    run, state = engine.run("full", "train", train_document)
    assert _saved(run) == ["step-00000008"]
    assert [(warning.what, Path(warning.where).parent.name) for warning in state.warnings] == [
        ("No space is left on the device.", "step-00000004")
    ]


@pytest.mark.parametrize(("unplaced", "tellings"), [("step-00000008", 2), ("final", 1)])
def test_what_is_last_waits_for_room(
    engine: Engine, train_document: dict[str, Any], disk: Disk, unplaced: str, tellings: int
) -> None:
    """The last checkpoint is due after its epoch too: there it is told as one that is left out."""
    disk.is_full = lambda path: unplaced in path and disk.waited < 3
    run, state = engine.run("full", "train", train_document)
    assert _saved(run) == ["step-00000004", "step-00000008"]
    assert (run.final / "adapter_model.safetensors").is_file()
    assert len(state.warnings) == tellings, "not each time that it is tried"
    phases = [event.phase for event in read_events(run.events_file) if isinstance(event, PhaseChanged)]
    assert phases[-3:] == ["finishing", "waiting for room on the disk", "finishing"]


def test_a_request_to_stop_gives_nothing_up(engine: Engine, train_document: dict[str, Any], disk: Disk) -> None:
    run = engine.create("full", "train", train_document)
    disk.is_full = lambda _path: disk.waited < 2
    disk.while_waiting = lambda: _ask_to_stop(run)
    _ask_to_stop(run)
    code, state = engine.work(run)
    assert (code, state.status, _saved(run)) == (0, "stopped", ["step-00000001"])
    assert [command.command for command in state.commands] == ["stop"] * 3, "each of them is answered"


def test_the_best_step_is_one_whose_weights_lie_there(
    engine: Engine, train_document: dict[str, Any], disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {0: 9.0, 4: 1.0, 8: 2.0}

    def measure(_validator: Validator, _transformer: object, _device: object, step: int) -> ValidationCompleted:
        disk.is_full = lambda path: "best" in path and step == 4
        return ValidationCompleted(step=step, loss=told[step], train_loss=None, bands=(), songs={})

    monkeypatch.setattr(Validator, "measure", measure)
    run, state = engine.run("full", "train", train_document)
    assert (state.results["best_step"], state.results["best_validation_loss"]) == (8, 2.0)
    assert (run.best / "adapter_model.safetensors").is_file()


def test_samples_without_room_end_no_training(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, *arguments: Any) -> None:
        if "step-00000000" in str(path):
            raise NoRoomError("No space is left on the device.", where=path)
        write_audio(path, *arguments)

    monkeypatch.setattr(sampler, "write_audio", write)
    samples = {"every_epochs": 1, "songs": 1, "duration": 5.0, "steps": 2}
    run, state = engine.run("full", "train", put(train_document, "samples", samples))
    assert [warning.what for warning in state.warnings] == ["No space is left on the device."]
    assert [folder.name for folder in sorted(run.samples.iterdir())] == ["step-00000004", "step-00000008"]


def test_a_disk_that_takes_no_more_curves_for_tensorboard_ends_no_training(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(_writer: SummaryWriter, *_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(SummaryWriter, "add_scalar", add)
    _, state = engine.run("full", "train", put(train_document, "logging.tensorboard", True))
    assert [warning.what for warning in state.warnings] == ["TensorBoard's curves end here: No space left on device."]
