"""A step's gradients, by plain or recorded passes; tried once more where the device's memory is full, then given up."""

import torch

from sidestep_tui.acestep.flash import is_trusted
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.devices import free_memory
from sidestep_tui.engine.memory.full import out_of_memory
from sidestep_tui.engine.ranks import Place
from sidestep_tui.engine.training.graphs import RecordedPasses
from sidestep_tui.engine.training.prior import build_prior
from sidestep_tui.engine.training.recorder import CardRecorder
from sidestep_tui.engine.training.setup import Setup, TrainedModel
from sidestep_tui.engine.training.step import Passes, accumulate_gradients, plain_passes
from sidestep_tui.engine.training.step_loader import LoadedStep


class StepGradients:
    """Leaves the gradients of one step after the other in the adapter's parameters, those of the prior among them.

    `prior_loss` is that of the last step: None where it had none.
    """

    def __init__(self, context: JobContext, settings: TrainSettings, setup: Setup) -> None:
        self.prior_loss: float | None = None
        self._context = context
        self._settings = settings
        self._model = setup.model
        self._place = setup.place
        self._seed = setup.songs.drawing.seed
        self._passes = _passes(context, settings, setup.model, setup.place)
        self._prior = build_prior(context, settings.objective, setup)

    def compute(self, loaded: LoadedStep) -> tuple[list[float], float]:
        """The step's losses and gradient norm; where a card is full all ranks try once more, their caches freed.

        Raises:
            SidestepError: the memory does not suffice.
        """
        try:
            return self._accumulate(loaded)
        except torch.OutOfMemoryError:
            self._model.optimizer.zero_grad(set_to_none=True)
        free_memory()
        self._context.warn("The device's memory is full; its cache was freed and the step is tried again.")
        try:
            return self._accumulate(loaded)
        except torch.OutOfMemoryError as error:
            place = self._place
            raise out_of_memory(
                self._settings, self._model.transformer, place.device, loaded.share.batches, place.ranks, error
            ) from error

    def _accumulate(self, loaded: LoadedStep) -> tuple[list[float], float]:
        def add_prior() -> None:
            self.prior_loss = self._prior.add_gradients(self._model.transformer, loaded.step.number)

        return accumulate_gradients(
            self._passes,
            list(self._model.parameters.values()),
            loaded.share,
            self._settings.optimizer.gradient_clip,
            (self._seed, loaded.step.number),
            self._place.ranks,
            add_prior,
            self._model.compiled,
        )


def _passes(context: JobContext, settings: TrainSettings, model: TrainedModel, place: Place) -> Passes:
    """Plain passes, or recorded ones where the settings ask for them and nothing forbids it."""
    plain = plain_passes(model.transformer, settings.objective)
    if not settings.memory.graphs:
        return plain

    def warn(reason: str) -> None:
        context.warn_once(
            f"Steps run without CUDA graphs: {reason}", "memory.graphs", "set it to false; the run goes on as it would"
        )

    if place.device.type != "cuda":
        warn("the device is no CUDA card")
    elif not is_trusted(place.device, place.dtype):
        warn("the card has no flash kernel, and what stands for it makes masks anew for every length")
    else:
        parameters, recorder = list(model.parameters.values()), CardRecorder(place.device)
        return RecordedPasses(plain, parameters, place.device, recorder, warn, compiled=settings.memory.compile)
    return plain
