"""How a run is doing on held-out songs: measures them and keeps the weights that did best."""

from dataclasses import replace

from sidestep_tui.acestep.precisions import mixed_precision
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.training.checkpoint import Position
from sidestep_tui.engine.training.keeper import Keeper
from sidestep_tui.engine.training.optimizer import inference_weights
from sidestep_tui.engine.training.setup import Setup
from sidestep_tui.engine.training.validation import build_validator
from sidestep_tui.runs.events import ValidationCompleted


class Judge:
    """Validates where the run has held-out songs; the speaking rank does it for all, unless they share its weights."""

    def __init__(self, context: JobContext, settings: TrainSettings, setup: Setup, keeper: Keeper) -> None:
        self._context = context
        self._setup = setup
        self._keeper = keeper
        self._validator = build_validator(settings, setup.split, setup.store, setup.shared, setup.drawing)
        self.last: ValidationCompleted | None = None

    def validate(self, position: Position) -> Position:
        """Measures the held-out songs; gives the position with what it says about the best weights so far.

        Weights that were measured already, because the run stands where it stood, are not measured again.
        """
        if self._validator is None or not self._setup.ranks.measures:
            return position
        if self.last is not None and self.last.step == position.step:
            return position
        setup = self._setup
        with inference_weights(setup.optimizer, setup.parameters), mixed_precision(setup.transformer):
            measured = self._validator.measure(setup.transformer, setup.device, position.step)
        self.last = self._context.emit(measured)
        if self.last.loss is None or position.step == 0:
            return position
        if position.best_loss is not None and self.last.loss >= position.best_loss:
            return replace(position, without_best=position.without_best + 1)
        position = replace(position, best_loss=self.last.loss, best_step=position.step, without_best=0)
        self._keeper.write("best", position)
        return position
