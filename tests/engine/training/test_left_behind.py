"""What a run finds when it goes on: half-written files of a killed engine, and tensors that are elsewhere now."""

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from sidestep_tui.config.fields import put
from tests.engine.conftest import Engine


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def test_what_a_killed_engine_was_writing_is_cleared_up(engine: Engine, train_document: dict[str, Any]) -> None:
    run, _ = engine.run("killed", "train", put(train_document, "checkpoints.keep_last", 1))
    best = _weights(run.best)
    shutil.copytree(run.final, run.checkpoints / ".step-00000009.abcdefgh.tmp")
    (run.path / ".best.abcdefgh.tmp").mkdir()
    run.best.rename(run.path / ".best.hgfedcba.old")
    shutil.rmtree(run.checkpoints / "step-00000008")
    of_a_viewer = run.path / ".notes.json.abcdefgh.tmp"  # a viewer writes beside us
    of_a_viewer.touch()
    code, _ = engine.work(run)
    assert code == 0
    assert [folder.name for folder in run.checkpoints.iterdir()] == ["step-00000008"]
    assert {path.name for path in run.path.glob(".*.????????.*")} == {of_a_viewer.name}
    assert all(torch.equal(value, _weights(run.best)[key]) for key, value in best.items())


def test_moved_tensors_are_missed_by_name(engine: Engine, train_document: dict[str, Any], songs: Path) -> None:
    run = engine.create("moved", "train", train_document)
    songs.rename(songs.with_name("elsewhere"))
    code, state = engine.work(run)
    assert code == 1
    assert state.failure is not None
    assert (state.failure.where, "--set data.tensors=" in state.failure.fix) == (str(songs), True)
