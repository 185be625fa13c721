"""What a training run leaves on disk: checkpoints to resume from, the best adapter, the final one."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from sidestep_tui.acestep.full_memory import told_as_full
from sidestep_tui.acestep.quantised import is_quantised
from sidestep_tui.engine.adapters.adapter import adapter_weights, put_weights
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.training.checkpoint import (
    Position,
    TrainerState,
    read_checkpoint,
    remove_old_checkpoints,
    replace_folder,
    save_checkpoint,
    set_aside,
)
from sidestep_tui.engine.training.optimizer import inference_weights, load_state
from sidestep_tui.engine.training.room import if_there_is_room, when_there_is_room
from sidestep_tui.engine.training.setup import TrainedModel
from sidestep_tui.engine.velocity_record import Recorder
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import sweep
from sidestep_tui.runs.checkpoints import list_checkpoints
from sidestep_tui.runs.events import CheckpointSaved


class Keeper:
    """Saves and restores the state of a run; the last `keep_last` checkpoints stay."""

    def __init__(self, context: JobContext, model: TrainedModel, ranks: Ranks, keep_last: int) -> None:
        self._context = context
        self._model = model
        self._ranks = ranks
        self._keep_last = keep_last
        self._recorder = Recorder(model.transformer)

    def save(self, position: Position, *, last: bool = False) -> None:
        """Writes a checkpoint: raw weights, their average if there is one, optimizer and position.

        Args:
            position: where the run stands.
            last: nothing is saved after it, so it waits until the disk has room.

        Raises:
            SidestepError: it cannot be written.
        """
        model, run = self._model, self._context.run
        if not self._ranks.speaks:
            return
        with inference_weights(model.optimizer, model.parameters) as differ:
            weights = adapter_weights(model.transformer)
        state = TrainerState(
            position=position,
            weights=weights,
            ema=self._average(),
            optimizer=model.optimizer.state_dict(),
            trained=adapter_weights(model.transformer) if differ else None,
        )
        placed = when_there_is_room if last else if_there_is_room
        path = placed(self._context, lambda: save_checkpoint(run, state, model.adapter, model.name, self._record))
        if path is not None:
            remove_old_checkpoints(run, self._keep_last)
            self._context.emit(CheckpointSaved(step=position.step, path=str(path.relative_to(run.path))))

    def write_best(self, position: Position) -> bool:
        """Writes the adapter as it is now to `best/`, as `write_final`; False where the disk has no room for it."""
        return if_there_is_room(self._context, lambda: self._write("best", position)) is not None

    def write_final(self, position: Position) -> None:
        """Writes the adapter as it is now to `final/`, its average beside it; waits until the disk has room."""
        when_there_is_room(self._context, lambda: self._write("final", position))

    def _write(self, kind: Literal["best", "final"], position: Position) -> bool:
        model, run = self._model, self._context.run
        if not self._ranks.speaks:
            return True
        with inference_weights(model.optimizer, model.parameters):
            weights = adapter_weights(model.transformer)
        about = position.step, model.adapter
        replace_folder(run.path / kind, *about, weights, model.name, self._record_trained)
        average = self._average()
        if average is not None:
            replace_folder(run.path / f"{kind}-ema", *about, average, model.name, self._record_average)
        self._context.emit(CheckpointSaved(step=position.step, path=kind, kind=kind))
        return True

    def restore(self, trained_on: str) -> Position:
        """Puts the newest whole checkpoint back into adapter and optimizer; where there is none, the start.

        Args:
            trained_on: the fingerprint of the data.

        Raises:
            SidestepError: the checkpoints are of other data, or all of them are damaged.
        """
        self._clear_up()
        checkpoints = list_checkpoints(self._context.run)
        for folder in reversed(checkpoints.values()):
            try:
                state = read_checkpoint(folder)
            except SidestepError as error:
                self._context.warn(error.what, folder, "an earlier checkpoint is used; this one is set aside")
                if self._ranks.speaks:
                    set_aside(folder)
                continue
            if state.position.trained_on != trained_on:
                raise SidestepError(
                    "The songs have changed since the run began.",
                    where=folder,
                    fix="start a new run, or put the tensors back as they were",
                )
            self._put_back(state)
            return replace(state.position, changes=self._context.run.count_changes())
        if checkpoints:
            raise SidestepError(
                "No checkpoint of the run can be read.", where=self._context.run.checkpoints, fix="start a new run"
            )
        return Position(step=0, trained_on=trained_on, changes=self._context.run.count_changes())

    def _clear_up(self) -> None:
        """What an engine left that was killed while it wrote takes as much room as a checkpoint, and is none."""
        run = self._context.run
        if self._ranks.speaks:
            sweep(run.checkpoints)
            sweep(run.path, "best*")
            sweep(run.path, "final*")

    def _put_back(self, state: TrainerState) -> None:
        model = self._model
        trained = state.weights if state.trained is None else state.trained
        put_weights(model.transformer, trained)
        load_state(model.optimizer, state.optimizer, self._context.run.changed_since(state.position.changes))
        if model.average is not None:  # one that was asked for since begins with what is trained, not with the start
            with model.average.in_place():
                put_weights(model.transformer, trained if state.ema is None else state.ema)

    def _record(self, folder: Path) -> None:
        """Leaves beside the weights of a checkpoint, before it has its name, what they do: for `sidestep verify`."""
        self._record_trained(folder)
        if self._model.average is not None:
            self._record_average(folder / "ema")

    def _record_trained(self, folder: Path) -> None:
        with inference_weights(self._model.optimizer, self._model.parameters):
            self._record_as_it_is(folder)

    def _record_average(self, folder: Path) -> None:
        assert self._model.average is not None
        with self._model.average.in_place():
            self._record_as_it_is(folder)

    def _record_as_it_is(self, folder: Path) -> None:
        """Records what the model does now.

        There is none where weights are sharded, since a pass of this rank alone would wait for the others for ever, and
        none where they are quantised while training: such a model answers otherwise than the one the adapter is for.
        """
        if self._ranks.sharded or is_quantised(self._model.transformer):
            return
        try:
            with told_as_full():
                self._recorder.write(folder)
        except torch.OutOfMemoryError:  # the weights are worth more than what is measured of them
            self._context.warn("The device has no room to record what the adapter does.", "memory")

    def _average(self) -> dict[str, Tensor] | None:
        model = self._model
        if model.average is None:
            return None
        with model.average.in_place():
            return adapter_weights(model.transformer)
