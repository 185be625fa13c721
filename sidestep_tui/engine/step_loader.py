"""From the plan's steps to micro-batches in memory: this rank's share of every step, made ahead by the loader."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from sidestep_tui.engine.batches import collate, draw_sample
from sidestep_tui.engine.loader import prefetch
from sidestep_tui.engine.plan import Step, StepPlan
from sidestep_tui.engine.setup import Setup
from sidestep_tui.engine.step import StepShare


@dataclass(frozen=True, slots=True)
class LoadedStep:
    """A step with this rank's micro-batches in memory; the loop waited `waited` seconds for it."""

    step: Step
    share: StepShare
    waited: float = 0.0


def loaded_steps(setup: Setup, plan: StepPlan, done: int) -> Iterator[LoadedStep]:
    """The steps after `done` completed ones, as far as the plan goes."""
    steps = prefetch(lambda step: _load(setup, step), plan.steps_after(done))
    while True:
        began = time.monotonic()
        loaded = next(steps, None)
        if loaded is None:
            return
        yield LoadedStep(loaded.step, loaded.share, time.monotonic() - began)


def _load(setup: Setup, step: Step) -> LoadedStep:
    """Runs in the loader's thread."""
    null = setup.shared["null_condition"]
    dealt = setup.ranks.share(tuple(enumerate(step.micro_batches)))
    batches = []
    for _, items in dealt:
        samples = [draw_sample(setup.drawing, step.epoch, item.key, setup.store.get(item.song), null) for item in items]
        batches.append(collate(samples, setup.shared))
    count = sum(len(items) for items in step.micro_batches)
    return LoadedStep(step, StepShare(tuple(batches), tuple(number for number, _ in dealt), count))
