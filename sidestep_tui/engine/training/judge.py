"""How a run is doing on held-out songs: measures them and keeps the weights that did best."""

import math
from dataclasses import replace

import torch

from sidestep_tui.acestep.full_memory import told_as_full
from sidestep_tui.acestep.precisions import mixed_precision
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.devices import free_memory
from sidestep_tui.engine.training.checkpoint import Position
from sidestep_tui.engine.training.keeper import Keeper
from sidestep_tui.engine.training.optimizer import inference_weights
from sidestep_tui.engine.training.setup import Setup
from sidestep_tui.engine.training.step import sharded_out_of_memory
from sidestep_tui.engine.training.validation import Validator, build_validator
from sidestep_tui.runs.events import ValidationCompleted
from sidestep_tui.told import told


class Judge:
    """Validates where the run has held-out songs; the speaking rank does it for all, unless they share its weights."""

    def __init__(self, context: JobContext, settings: TrainSettings, setup: Setup, keeper: Keeper) -> None:
        self._context = context
        self._model = setup.model
        self._place = setup.place
        self._keeper = keeper
        songs = setup.songs
        self._validator = build_validator(settings, songs.split, songs.store, songs.shared, songs.drawing)
        self.last: ValidationCompleted | None = None

    def validate(self, position: Position) -> Position:
        """Measures the held-out songs; gives the position with what it says about the best weights so far.

        Weights that were measured already, because the run stands where it stood, are not measured again.
        """
        if self._validator is None or not self._place.ranks.measures:
            return position
        if self.last is not None and self.last.step == position.step:
            return position
        measured = self._measured(self._validator, position.step)
        if measured is None:
            return position
        self.last = self._context.emit(measured)
        if self.last.loss is None or position.step == 0:
            return position
        if not self.last.loss < (math.inf if position.best_loss is None else position.best_loss):  # a NaN neither
            return replace(position, without_best=position.without_best + 1)
        better = replace(position, best_loss=self.last.loss, best_step=position.step, without_best=0)
        return better if self._keeper.write_best(better) else position

    def _measured(self, validator: Validator, step: int) -> ValidationCompleted | None:
        """None, and a warning, where the device has no room for it, however much of its cache is freed.

        Raises:
            SidestepError: so it is, and the others wait for this rank inside a common pass.
        """
        ranks, words = self._place.ranks, ""
        for _ in range(2):
            try:
                return self._measure(validator, step)
            except torch.OutOfMemoryError as error:
                words = str(error)  # the error itself would keep what fills the memory
            if ranks.sharded:
                raise sharded_out_of_memory(ranks, words)
            free_memory()
        self._context.warn(
            told("The device has no room to validate: {error}.", error=words.partition(". ")[0].rstrip(".")),
            "validation",
            "the training goes on; songs in windows (data.crop_seconds) need less",
        )
        return None

    def _measure(self, validator: Validator, step: int) -> ValidationCompleted:
        model = self._model
        with (
            told_as_full(),
            inference_weights(model.optimizer, model.parameters),
            mixed_precision(model.transformer),
        ):
            return validator.measure(model.transformer, self._place.device, step)
