"""The steps of a run, known before it starts: which samples make which micro-batch of which optimizer step."""

from collections.abc import Iterator
from dataclasses import dataclass

from sidestep_tui.config.optimisation import TrainingSettings
from sidestep_tui.engine.data.batches import epoch_batches
from sidestep_tui.engine.data.library import Mixture
from sidestep_tui.engine.data.songs import Item


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer step: `number` counts from 1 over the run, `epoch` from 0."""

    number: int
    epoch: int
    ends_epoch: bool
    micro_batches: tuple[tuple[Item, ...], ...]


@dataclass(frozen=True, slots=True)
class StepPlan:
    """All optimizer steps of a run, as a function of its samples and settings."""

    mixture: Mixture
    settings: TrainingSettings
    ranks: int = 1

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in an epoch; the last may hold fewer micro-batches than the others."""
        return -(-self._micro_batches_per_epoch // self._micro_batches_per_step)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        by_epochs = self.settings.epochs * self.steps_per_epoch
        return by_epochs if self.settings.max_steps is None else min(by_epochs, self.settings.max_steps)

    @property
    def _micro_batches_per_step(self) -> int:
        return self.settings.gradient_accumulation * self.ranks

    @property
    def _micro_batches_per_epoch(self) -> int:
        batch = self.settings.batch_size
        return -(-len(self.mixture) // batch)

    def steps_after(self, done: int) -> Iterator[Step]:
        """The steps that follow `done` completed ones."""
        per_epoch, per_step = self.steps_per_epoch, self._micro_batches_per_step
        for epoch in range(done // per_epoch, -(-self.total_steps // per_epoch)):
            batches = epoch_batches(self.mixture.epoch(epoch), self.settings.batch_size, self.settings.seed, epoch)
            for index in range(per_epoch):
                number = epoch * per_epoch + index + 1
                if done < number <= self.total_steps:
                    micro = tuple(batches[index * per_step : (index + 1) * per_step])
                    yield Step(number, epoch, index == per_epoch - 1, micro)
