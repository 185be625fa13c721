"""From the plan's steps to micro-batches in memory: this rank's share of every step, made ahead by the loader."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sidestep_tui.engine.data.bands import Shares
from sidestep_tui.engine.data.batches import Batch, collate, draw_sample
from sidestep_tui.engine.data.songs import Item
from sidestep_tui.engine.prefetch import prefetch
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.training.plan import Step
from sidestep_tui.engine.training.setup import EncodedSongs
from sidestep_tui.engine.training.step import StepShare


@dataclass(frozen=True, slots=True)
class LoadedStep:
    """A step with this rank's micro-batches in memory; the loop waited `waited` seconds for it."""

    step: Step
    share: StepShare
    waited: float = 0.0


def loaded_steps(
    songs: EncodedSongs, ranks: Ranks, steps: Iterable[Step], shares: Callable[[Step], Shares | None]
) -> Iterator[LoadedStep]:
    """The steps with their samples, in order.

    Args:
        songs: of the run.
        ranks: with whom each step is shared.
        steps: of the plan.
        shares: of the timestep bands in a step's draws, asked for in the caller's thread as early as the loader
            needs them.
    """
    planned = ((step, shares(step)) for step in steps)
    ready = prefetch(lambda entry: _load(songs, ranks, *entry), planned)
    while True:
        began = time.monotonic()
        loaded = next(ready, None)
        if loaded is None:
            return
        yield LoadedStep(loaded.step, loaded.share, time.monotonic() - began)


def _load(songs: EncodedSongs, ranks: Ranks, step: Step, shares: Shares | None) -> LoadedStep:
    """Runs in the loader's thread."""
    null = songs.shared["null_condition"]

    def load(items: tuple[Item, ...]) -> Batch:
        samples = [
            draw_sample(songs.drawing, step.epoch, item.key, songs.store.get(item.song), null, shares) for item in items
        ]
        return collate(samples, songs.shared)

    dealt = ranks.share(tuple(enumerate(step.micro_batches)))
    share = StepShare(
        batches=tuple(load(items) for _, items in dealt),
        numbers=tuple(number for number, _ in dealt),
        samples=sum(len(items) for items in step.micro_batches),
        padding=tuple(load(items) for items in ranks.padding(step.micro_batches)),
    )
    return LoadedStep(step, share)
