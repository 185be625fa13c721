"""A step's gradients, by plain or recorded passes; tried once more where the device's memory is full, then given up."""

import torch

from sidestep_tui.acestep.flash import is_trusted
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.context import JobContext
from sidestep_tui.engine.devices import free_memory
from sidestep_tui.engine.memory.full import out_of_memory
from sidestep_tui.engine.training.graphs import RecordedPasses, cuda_record
from sidestep_tui.engine.training.prior import build_prior
from sidestep_tui.engine.training.setup import Setup
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
        self._setup = setup
        self._passes = _passes(context, settings, setup)
        self._prior = build_prior(context, settings.objective, setup)

    def compute(self, loaded: LoadedStep) -> tuple[list[float], float]:
        """The step's losses and gradient norm; where a card is full all ranks try once more, their caches freed.

        Raises:
            SidestepError: the memory does not suffice.
        """
        try:
            return self._accumulate(loaded)
        except torch.OutOfMemoryError:
            self._setup.optimizer.zero_grad(set_to_none=True)
        free_memory()
        self._context.warn("The device's memory is full; its cache was freed and the step is tried again.")
        try:
            return self._accumulate(loaded)
        except torch.OutOfMemoryError as error:
            setup = self._setup
            raise out_of_memory(
                self._settings, setup.transformer, setup.device, loaded.share.batches, setup.ranks, error
            ) from error

    def _accumulate(self, loaded: LoadedStep) -> tuple[list[float], float]:
        setup, settings = self._setup, self._settings

        def add_prior() -> None:
            self.prior_loss = self._prior.add_gradients(setup.transformer, loaded.step.number)

        return accumulate_gradients(
            self._passes,
            list(setup.parameters.values()),
            loaded.share,
            settings.optimizer.gradient_clip,
            (setup.drawing.seed, loaded.step.number),
            setup.ranks,
            add_prior,
        )


def _passes(context: JobContext, settings: TrainSettings, setup: Setup) -> Passes:
    """Plain passes, or recorded ones where the settings ask for them and nothing forbids it."""
    plain = plain_passes(setup.transformer, settings.objective)
    if not settings.memory.graphs:
        return plain

    def warn(reason: str) -> None:
        context.warn_once(
            f"Steps run without CUDA graphs: {reason}", "memory.graphs", "set it to false; the run goes on as it would"
        )

    if setup.device.type != "cuda":
        warn("the device is no CUDA card")
    elif not is_trusted(setup.device, setup.dtype):
        warn("the card has no flash kernel, and what stands for it makes masks anew for every length")
    else:
        parameters, record = list(setup.parameters.values()), cuda_record(setup.device)
        return RecordedPasses(plain, parameters, setup.device, record, warn, compiled=settings.memory.compile)
    return plain
