"""The training run. There is one loop, and it reads from top to bottom in `Trainer.train`."""

import math
import time
from collections.abc import Iterable
from typing import Final

import torch

from sidestep_tui.acestep.full_memory import told_as_full
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.context import JobContext, Results
from sidestep_tui.engine.data.bands import Shares
from sidestep_tui.engine.memory.full import out_of_memory
from sidestep_tui.engine.memory.policy import with_chosen_policy
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.training.announce import announce
from sidestep_tui.engine.training.checkpoint import Position
from sidestep_tui.engine.training.earlier import epoch_completed, steps_so_far
from sidestep_tui.engine.training.gradients import StepGradients
from sidestep_tui.engine.training.judge import Judge
from sidestep_tui.engine.training.keeper import Keeper
from sidestep_tui.engine.training.optimizer import change_while_running, set_rate
from sidestep_tui.engine.training.plan import Step, StepPlan
from sidestep_tui.engine.training.progress import advanced, begun, damping, mean_loss, reason_to_end, skipped
from sidestep_tui.engine.training.requests import Action, Requests
from sidestep_tui.engine.training.sampler import Sampler
from sidestep_tui.engine.training.schedule import learning_rate_ratio
from sidestep_tui.engine.training.setup import Setup, prepare
from sidestep_tui.engine.training.step_loader import LoadedStep, loaded_steps
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.events import StepCompleted, StepSkipped

_PATIENCE_WITH_NAN: Final = 10


def run(context: JobContext, settings: TrainSettings) -> Results:
    """Trains an adapter; continues after the newest whole checkpoint of the run directory if there is one.

    Raises:
        StopRequestedError: someone asked for it; a checkpoint was written.
        SidestepError: the run cannot go on, and why.
    """
    if settings.logging.tensorboard:
        from sidestep_tui.engine.training.tensorboard import tensorboard_observer

        context.observers.append(tensorboard_observer(context.run.path / "tensorboard", context.warn))
    settings = with_chosen_policy(context, settings)
    return Trainer(context, settings, prepare(context, settings)).train()


class Trainer:
    """The state of a training run between two steps."""

    def __init__(self, context: JobContext, settings: TrainSettings, setup: Setup) -> None:
        self._context = context
        self._settings = settings
        self._setup = setup
        self._ranks = setup.place.ranks
        self._plan = StepPlan(setup.songs.mixture, settings.training, self._ranks.world)
        self._keeper = Keeper(context, setup.model, self._ranks, settings.checkpoints.keep_last)
        self._judge = Judge(context, settings, setup, self._keeper)
        self._position = begun(self._keeper.restore(setup.songs.manifest.fingerprint), settings)
        self._sampler = Sampler(context, setup)
        self._gradients = StepGradients(context, settings, setup)
        actions: dict[str, Action] = {
            "save": lambda _: self._save(),
            "stop": lambda _: self._save(last=True),
            "validate": lambda _: self._validate(),
            "sample": lambda _: self._sampler.write(self._position.step),
            "set": lambda values: change_while_running(setup.model.optimizer, values),
        }
        self._requests = Requests(context, self._ranks, actions, self._position.step)
        self._bad_steps = 0
        self._epoch_steps = steps_so_far(context.run, self._position.step, self._plan.steps_per_epoch)

    def train(self) -> Results:
        """From the position that was restored to the last step."""
        announce(self._context, self._settings, self._setup, self._plan)
        self._context.phase("training")
        if self._position.step == 0:
            self._validate()
            self._sample()
        elif self._is_heard_after(self._position.step):
            self._sampler.make_up_for(self._position.step)
        steps = self._plan.steps_after(self._position.step)
        for loaded in loaded_steps(self._setup.songs, self._ranks, steps, self._band_shares):
            self._take_step(loaded)
            if loaded.step.ends_epoch:
                self._end_epoch(loaded.step)
            if self._is_due(loaded.step):
                self._save()
            if self._requests.serve(self._position.step, reason_to_end(self._position, self._settings) is not None):
                break
        return self._finish()

    def rehearse(self, steps: Iterable[Step]) -> list[StepCompleted]:
        """Takes steps for what they cost alone: nothing is saved, validated or sampled. Gives those that were finite.

        Raises:
            StopRequestedError: someone asked for it.
            SidestepError: the memory does not suffice.
        """
        taken = []
        for loaded in loaded_steps(self._setup.songs, self._ranks, steps, lambda _: None):
            taken.append(self._take_step(loaded))
            self._context.stop_if_requested()
        return [step for step in taken if step is not None]

    def _take_step(self, loaded: LoadedStep) -> StepCompleted | None:
        """Gradients of all micro-batches, then one update; a step that is not finite moves nothing and gives None."""
        began = time.monotonic()
        optimizer, step = self._setup.model.optimizer, loaded.step
        ratio = learning_rate_ratio(self._settings.schedule, step.number - 1, self._plan.total_steps)
        rate = set_rate(optimizer, ratio * damping(self._position, self._settings))
        losses, norm = self._gradients.compute(loaded)
        draws = self._ranks.gather([batch.draws() for batch in loaded.share.batches])
        if not all(map(math.isfinite, (*losses, norm))):
            optimizer.zero_grad(set_to_none=True)
            self._skip(loaded, losses)
            self._context.heartbeat()
            return None
        self._update(loaded)
        loss = mean_loss(draws, losses)
        completed = self._context.emit(
            StepCompleted(
                step=step.number,
                epoch=step.epoch,
                loss=loss,
                gradient_norm=norm,
                learning_rate=rate,
                seconds=time.monotonic() - began + loaded.waited,
                data_seconds=loaded.waited,
                timesteps=tuple(draw.t for draw in draws),
                losses=tuple(losses),
                prior_loss=self._gradients.prior_loss,
            )
        )
        self._epoch_steps.append(completed)
        self._advance(advanced(self._position, step.number, draws, losses, self._settings))
        self._context.heartbeat()
        return completed

    def _update(self, loaded: LoadedStep) -> None:
        model, batches = self._setup.model, loaded.share.batches
        try:
            with told_as_full():
                model.optimizer.step()
        except torch.OutOfMemoryError as error:
            if not batches:
                raise
            place, alone = self._setup.place, Ranks()  # the others may be past their update and ask nobody
            raise out_of_memory(self._settings, model.transformer, place.device, batches, alone, error) from error
        model.optimizer.zero_grad(set_to_none=True)
        if model.average is not None:
            model.average.update(loaded.step.number)
        self._bad_steps = 0

    def _advance(self, position: Position) -> None:
        was_damped, is_damped = (damping(p, self._settings) < 1 for p in (self._position, position))
        if was_damped != is_damped:
            detail = "near the target loss: the learning rate is damped" if is_damped else ""
            self._context.phase("training", detail)
        self._position = position

    def _band_shares(self, step: Step) -> Shares | None:
        bands = self._position.bands
        return None if bands is None else bands.shares(step.number - self._position.step)

    def _skip(self, loaded: LoadedStep, losses: list[float]) -> None:
        keys = [item.key for items in loaded.step.micro_batches for item in items]
        bad = tuple(key for key, loss in zip(keys, losses, strict=True) if not math.isfinite(loss))
        reason = "the loss is not a number" if bad else "the gradient is not a number"
        self._context.emit(StepSkipped(step=loaded.step.number, reason=reason, songs=bad))
        self._position = skipped(self._position, loaded.step.number)
        self._bad_steps += 1
        if self._bad_steps >= _PATIENCE_WITH_NAN:
            raise SidestepError(
                f"For {self._bad_steps} steps in a row {reason}; nothing was learned from them.",
                where=", ".join(bad) or f"step {loaded.step.number}",
                fix="lower optimizer.learning_rate, or preprocess the named songs again; checkpoints are unharmed",
            )

    def _save(self, *, last: bool = False) -> None:
        self._keeper.save(self._position, last=last)

    def _is_due(self, step: Step) -> bool:
        settings = self._settings.checkpoints
        by_steps = settings.every_steps is not None and step.number % settings.every_steps == 0
        return by_steps or (step.ends_epoch and (step.epoch + 1) % settings.every_epochs == 0)

    def _end_epoch(self, step: Step) -> None:
        done, self._epoch_steps = self._epoch_steps, []
        self._context.emit(epoch_completed(step, done))
        if (step.epoch + 1) % self._settings.validation.every_epochs == 0:
            self._validate()
        if (step.epoch + 1) % (self._settings.samples.every_epochs or 1) == 0:
            self._sample()

    def _validate(self) -> None:
        self._position = self._judge.validate(self._position)

    def _is_heard_after(self, step: int) -> bool:
        """Whether songs are made after this step: a stop there may have left them out."""
        epochs, more = divmod(step, self._plan.steps_per_epoch)
        every = self._settings.samples.every_epochs
        return every is not None and more == 0 and epochs % every == 0

    def _sample(self) -> None:
        if self._settings.samples.every_epochs is not None and self._setup.samples:
            self._sampler.write(self._position.step)

    def _finish(self) -> Results:
        """The last checkpoint, the last validation and the adapter to carry away.

        Raises:
            SidestepError: no step was taken.
        """
        if self._position.step == 0:
            raise SidestepError("Not one step was taken.", where=self._settings.data.tensors, fix="check the data set")
        self._context.phase("finishing", reason_to_end(self._position, self._settings) or "")
        self._validate()
        self._save(last=True)
        self._keeper.write_final(self._position)
        self._sample()
        position, last = self._position, self._judge.last
        return {
            "adapter": str(self._context.run.final),
            "steps": position.step,
            "validation_loss": last.loss if last else None,
            "best_validation_loss": position.best_loss,
            "best_step": position.best_step,
        }
