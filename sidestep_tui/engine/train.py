"""The training run. There is one loop, and it reads from top to bottom in `Trainer.train`."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import torch

from sidestep_tui.config.optimisation import OptimizerSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.announce import announce
from sidestep_tui.engine.batches import collate, draw_sample
from sidestep_tui.engine.context import JobContext, Results, StopRequestedError
from sidestep_tui.engine.keeper import Keeper
from sidestep_tui.engine.loader import prefetch
from sidestep_tui.engine.memory_full import out_of_memory
from sidestep_tui.engine.optimizer import change_peak, inference_weights, set_rate
from sidestep_tui.engine.plan import Step, StepPlan
from sidestep_tui.engine.schedule import learning_rate_ratio
from sidestep_tui.engine.setup import Setup, prepare
from sidestep_tui.engine.step import StepShare, accumulate_gradients, mixed_precision
from sidestep_tui.engine.validation import Validator
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.control import Command
from sidestep_tui.runs.events import EpochCompleted, StepCompleted, StepSkipped, ValidationCompleted

_PATIENCE_WITH_NAN: Final = 10
_PAUSE_POLL_SECONDS: Final = 0.2


def run(context: JobContext, settings: TrainSettings) -> Results:
    """Trains an adapter; continues after the newest whole checkpoint of the run directory if there is one.

    Raises:
        StopRequestedError: someone asked for it; a checkpoint was written.
        SidestepError: the run cannot go on, and why.
    """
    if settings.logging.tensorboard:
        from sidestep_tui.engine.tensorboard import tensorboard_observer

        context.observers.append(tensorboard_observer(context.run.path / "tensorboard"))
    return Trainer(context, settings, prepare(context, settings)).train()


@dataclass(frozen=True, slots=True)
class LoadedStep:
    """A step with this rank's micro-batches in memory."""

    step: Step
    share: StepShare


class Trainer:
    """The state of a training run between two steps."""

    def __init__(self, context: JobContext, settings: TrainSettings, setup: Setup) -> None:
        self._context = context
        self._settings = settings
        self._setup = setup
        self._plan = StepPlan(setup.split.training, settings.training, setup.ranks.world)
        self._validator = _build_validator(settings, setup)
        self._keeper = Keeper(context, setup, settings.checkpoints.keep_last)
        self._position = self._keeper.restore(setup.manifest.fingerprint)
        self._bad_steps = 0
        self._exhausted = False
        self._epoch_losses: list[float] = []
        self._epoch_began = time.monotonic()

    def train(self) -> Results:
        """From the position that was restored to the last step."""
        announce(self._context, self._settings, self._setup, self._plan)
        self._context.phase("training")
        if self._position.step == 0:
            self._validate()
        for loaded, waited in _timed(self._loaded_steps()):
            self._take_step(loaded, waited)
            if loaded.step.ends_epoch:
                self._end_epoch(loaded.step)
            if self._is_due(loaded.step):
                self._keeper.save(self._position)
            self._serve_requests()
            if self._exhausted:
                break
        return self._finish()

    def _loaded_steps(self) -> Iterator[LoadedStep]:
        return prefetch(self._load_step, self._plan.steps_after(self._position.step))

    def _load_step(self, step: Step) -> LoadedStep:
        """The step's micro-batches; runs in the loader's thread."""
        setup = self._setup
        null = setup.shared["null_condition"]
        dealt = setup.ranks.share(tuple(enumerate(step.micro_batches)))
        batches = []
        for _, items in dealt:
            samples = [
                draw_sample(setup.drawing, step.epoch, item.key, setup.store.get(item.song), null) for item in items
            ]
            batches.append(collate(samples, setup.shared))
        count = sum(len(items) for items in step.micro_batches)
        return LoadedStep(step, StepShare(tuple(batches), tuple(number for number, _ in dealt), count))

    def _take_step(self, loaded: LoadedStep, waited: float) -> None:
        """Gradients of all micro-batches, then one update; a step that is not finite moves nothing."""
        began = time.monotonic()
        setup, step = self._setup, loaded.step
        ratio = learning_rate_ratio(self._settings.schedule, step.number - 1, self._plan.total_steps)
        rate = set_rate(setup.optimizer, ratio)
        losses, norm = self._gradients(loaded)
        timesteps = setup.ranks.gather([batch.t.tolist() for batch in loaded.share.batches])
        if not all(map(math.isfinite, (*losses, norm))):
            setup.optimizer.zero_grad(set_to_none=True)
            self._skip(loaded, losses)
        else:
            setup.optimizer.step()
            setup.optimizer.zero_grad(set_to_none=True)
            if setup.average is not None:
                setup.average.update(step.number)
            self._bad_steps = 0
            self._epoch_losses.append(sum(losses) / len(losses))
            self._context.emit(
                StepCompleted(
                    step=step.number,
                    epoch=step.epoch,
                    loss=sum(losses) / len(losses),
                    gradient_norm=norm,
                    learning_rate=rate,
                    seconds=time.monotonic() - began + waited,
                    data_seconds=waited,
                    timesteps=tuple(timesteps),
                    losses=tuple(losses),
                )
            )
        self._position = replace(self._position, step=step.number)
        self._context.heartbeat()

    def _gradients(self, loaded: LoadedStep) -> tuple[list[float], float]:
        """The step's losses and gradient norm; where a card is full all ranks try once more, their caches freed.

        Raises:
            SidestepError: the memory does not suffice.
        """
        try:
            return self._accumulate(loaded)
        except torch.OutOfMemoryError:
            self._setup.optimizer.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            self._context.warn("The device's memory is full; its cache was freed and the step is tried again.")
        try:
            return self._accumulate(loaded)
        except torch.OutOfMemoryError as error:
            setup = self._setup
            raise out_of_memory(self._settings, setup.transformer, loaded.share.batches, setup.ranks, error) from error

    def _accumulate(self, loaded: LoadedStep) -> tuple[list[float], float]:
        setup, settings = self._setup, self._settings
        return accumulate_gradients(
            setup.transformer,
            list(setup.parameters.values()),
            loaded.share,
            settings.objective,
            settings.optimizer.gradient_clip,
            (setup.drawing.seed, loaded.step.number),
            setup.ranks,
        )

    def _skip(self, loaded: LoadedStep, losses: list[float]) -> None:
        keys = [item.key for items in loaded.step.micro_batches for item in items]
        bad = tuple(key for key, loss in zip(keys, losses, strict=True) if not math.isfinite(loss))
        reason = "the loss is not a number" if bad else "the gradient is not a number"
        self._context.emit(StepSkipped(step=loaded.step.number, reason=reason, songs=bad))
        self._bad_steps += 1
        if self._bad_steps >= _PATIENCE_WITH_NAN:
            raise SidestepError(
                f"For {self._bad_steps} steps in a row {reason}; nothing was learned from them.",
                where=", ".join(bad) or f"step {loaded.step.number}",
                fix="lower optimizer.learning_rate, or preprocess the named songs again; checkpoints are unharmed",
            )

    def _serve_requests(self) -> None:
        """Commands of viewers and signals, between two steps."""
        context, paused = self._context, False
        while True:
            heard = context.take_commands(self._position.step), context.stop_reason, self._exhausted
            commands, context.stop_reason, self._exhausted = self._setup.ranks.agree(heard)
            for command in commands:
                match command.name:
                    case "pause" | "resume":
                        paused = command.name == "pause"
                        context.phase("paused" if paused else "training")
                    case "save":
                        self._keeper.save(self._position)
                    case "validate":
                        self._validate()
                    case "set":
                        self._set(command)
                context.applied(command, self._position.step)
            if context.stop_reason is not None:
                self._keeper.save(self._position)
                raise StopRequestedError(context.stop_reason, self._position.step)
            if not paused:
                return
            time.sleep(_PAUSE_POLL_SECONDS)

    def _set(self, command: Command) -> None:
        """Changes the peak learning rate from the next step on; it is part of the checkpoints from now on."""
        for path, value in command.arguments.items():
            try:
                rate = OptimizerSettings(learning_rate=float(value)).peak_rate
            except ValueError:
                rate = 0.0
            if path != "optimizer.learning_rate" or not rate:
                self._context.warn(f"{path} = {value} cannot be set while running.", fix="set optimizer.learning_rate")
                continue
            change_peak(self._setup.optimizer, rate)

    def _is_due(self, step: Step) -> bool:
        settings = self._settings.checkpoints
        by_steps = settings.every_steps is not None and step.number % settings.every_steps == 0
        return by_steps or (step.ends_epoch and (step.epoch + 1) % settings.every_epochs == 0)

    def _end_epoch(self, step: Step) -> None:
        losses, self._epoch_losses = self._epoch_losses, []
        seconds, self._epoch_began = time.monotonic() - self._epoch_began, time.monotonic()
        mean = sum(losses) / len(losses) if losses else None
        self._context.emit(EpochCompleted(epoch=step.epoch, step=step.number, loss=mean, seconds=seconds))
        if (step.epoch + 1) % self._settings.validation.every_epochs == 0 and step.number < self._plan.total_steps:
            self._validate()

    def _validate(self) -> ValidationCompleted | None:
        """Measures the held-out songs and keeps the weights that did best."""
        if self._validator is None or not self._setup.ranks.speaks:
            return None
        setup, position = self._setup, self._position
        weight = setup.transformer.proj_in_conv.weight
        with inference_weights(setup.optimizer, setup.parameters), mixed_precision(weight):
            result = self._context.emit(self._validator.measure(setup.transformer, setup.device, position.step))
        if result.loss is not None and position.step:
            self._judge(result.loss)
        return result

    def _judge(self, loss: float) -> None:
        """Keeps the weights that did best; after too many validations without a new best, asks for the end."""
        position, patience = self._position, self._settings.validation.patience
        if position.best_loss is None or loss < position.best_loss:
            self._position = replace(position, best_loss=loss, best_step=position.step, without_best=0)
            self._keeper.write("best", self._position)
            return
        self._position = replace(position, without_best=position.without_best + 1)
        if patience is not None and self._position.without_best >= patience:
            self._exhausted = True

    def _finish(self) -> Results:
        """The last checkpoint, the last validation and the adapter to carry away.

        Raises:
            SidestepError: no step was taken.
        """
        if self._position.step == 0:
            raise SidestepError("Not one step was taken.", where=self._settings.data.tensors, fix="check the data set")
        self._context.phase("finishing", "validation no longer improves" if self._exhausted else "")
        last = self._validate()
        self._keeper.save(self._position)
        self._keeper.write("final", self._position)
        position = self._position
        return {
            "adapter": str(self._context.run.final),
            "steps": position.step,
            "validation_loss": last.loss if last else None,
            "best_validation_loss": position.best_loss,
            "best_step": position.best_step,
        }


def _build_validator(settings: TrainSettings, setup: Setup) -> Validator | None:
    held_out = setup.split.validation
    if not held_out:
        return None
    trained_on = tuple(item.song for item in setup.split.training if item.repeat == 0)[: len(held_out)]
    return Validator(held_out, trained_on, setup.store, setup.shared, setup.drawing, settings.validation.draws)


def _timed(steps: Iterator[LoadedStep]) -> Iterator[tuple[LoadedStep, float]]:
    """Each step with the seconds that were waited for it."""
    while True:
        began = time.monotonic()
        loaded = next(steps, None)
        if loaded is None:
            return
        yield loaded, time.monotonic() - began
