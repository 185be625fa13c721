"""Checkpoints: the adapter as inference loads it, and beside it what a run needs to continue to the same bits.

step-00001200/
  adapter_config.json, adapter_model.safetensors    the weights to infer with
  ema/                                              the averaged ones, where the run keeps an average
  trainer.json, trainer.pt                          position, optimizer state, and the weights in training
                                                      where an optimizer answers with others
"""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import torch
from peft import PeftConfig
from torch import Tensor

from sidestep_tui.engine.adapters.adapter import read_adapter, save_adapter
from sidestep_tui.engine.data.bands import BandLosses
from sidestep_tui.engine.tensor_files import write_state
from sidestep_tui.engine.training.target import TargetState
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import directory_atomic, write_json_atomic
from sidestep_tui.runs.checkpoints import checkpoint_folder, list_checkpoints
from sidestep_tui.runs.directory import RunDirectory

_TRAINER_FILE: Final = "trainer.json"
_STATE_FILE: Final = "trainer.pt"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run stands after `step` optimizer steps, the best validation loss so far and the validations since.

    `changes` counts the changes of settings that the state was trained under, `bands` is what adaptive sampling has
    measured, `target` how near the loss is to its target.
    """

    step: int
    best_loss: float | None = None
    best_step: int | None = None
    without_best: int = 0
    trained_on: str = ""
    changes: int = 0
    bands: BandLosses | None = None
    target: TargetState = field(default_factory=TargetState)


@dataclass(frozen=True, slots=True)
class TrainerState:
    """What resumes: adapter weights by file key, their average, the optimizer's state, and the position.

    `trained` are the weights that training goes on from, where they are not `weights`.
    """

    position: Position
    weights: dict[str, Tensor]
    ema: dict[str, Tensor] | None
    optimizer: dict[str, Any]
    trained: dict[str, Tensor] | None = None


def save_checkpoint(
    run: RunDirectory,
    state: TrainerState,
    config: PeftConfig,
    model_name: str,
    record: Callable[[Path], None],
) -> Path | None:
    """Writes a checkpoint, whole or not at all; gives None where there is one of this step already.

    That one learns what was measured of its weights since: validated after it was saved, they may be the best so far.

    Args:
        run: whose checkpoint it is.
        state: what it holds.
        config: the adapter's.
        model_name: of the model that the adapter is for.
        record: adds to the folder what was measured of the weights in it.

    Raises:
        SidestepError: the disk is full or cannot be written.
    """
    target = checkpoint_folder(run, state.position.step)
    if target.exists():
        write_json_atomic(target / _TRAINER_FILE, asdict(state.position))
        return None
    stored = {"optimizer": state.optimizer, "trained": state.trained}
    with directory_atomic(target) as folder:
        save_adapter(folder, config, state.weights, model_name)
        if state.ema is not None:
            save_adapter(folder / "ema", config, state.ema, model_name)
        write_state(folder / _STATE_FILE, stored)
        write_json_atomic(folder / _TRAINER_FILE, asdict(state.position))
        record(folder)
    return target


def read_checkpoint(folder: Path) -> TrainerState:
    """A checkpoint's whole content.

    Raises:
        SidestepError: a part is missing or damaged.
    """
    try:
        position = msgspec.convert(json.loads((folder / _TRAINER_FILE).read_text(encoding="utf-8")), Position)
        stored = torch.load(folder / _STATE_FILE, map_location="cpu", weights_only=True)
        optimizer, trained = dict(stored["optimizer"]), stored["trained"]
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise SidestepError(
            f"The checkpoint is damaged: {error}.", where=folder, fix="an earlier checkpoint is used instead"
        ) from error
    ema = folder / "ema"
    return TrainerState(
        position=position,
        weights=read_adapter(folder).weights,
        ema=read_adapter(ema).weights if ema.is_dir() else None,
        optimizer=optimizer,
        trained=trained,
    )


def set_aside(folder: Path) -> None:
    """Renames a damaged checkpoint, so that the run can save a whole one after the same step."""
    target = folder.with_name(f"damaged-{folder.name}")
    if target.exists():
        shutil.rmtree(target)
    folder.rename(target)


def remove_old_checkpoints(run: RunDirectory, keep: int) -> None:
    """Removes all but the newest `keep` checkpoints."""
    for folder in [*list_checkpoints(run).values()][:-keep]:
        shutil.rmtree(folder)


def replace_folder(
    target: Path,
    step: int,
    config: PeftConfig,
    weights: dict[str, Tensor],
    model_name: str,
    record: Callable[[Path], None],
) -> None:
    """Writes `best/` or `final/`: an adapter alone, in place of an earlier one; `record` as for a checkpoint.

    Raises:
        SidestepError: the disk is full or cannot be written.
    """
    with directory_atomic(target, replace=True) as folder:
        save_adapter(folder, config, weights, model_name)
        write_json_atomic(folder / _TRAINER_FILE, {"step": step})
        record(folder)
