"""The curves of a run: what its steps have told, kept in columns that grow without being copied."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.series import Series

MOST_ENTRIES: Final = 2**17
"""Beyond so many steps the curves keep half as many points, so that a run of weeks stays small in every viewer."""


class Curves(msgspec.Struct, frozen=True):
    """One entry for every optimizer step, oldest first; in very long runs an older entry is the mean of several.

    `texture`, `balance` and `structure` are the mean loss of the step's samples in that band of the timestep
    (`events.BANDS`), NaN where it had none.
    """

    step: Series = msgspec.field(default_factory=Series)
    time: Series = msgspec.field(default_factory=Series)
    loss: Series = msgspec.field(default_factory=Series)
    gradient_norm: Series = msgspec.field(default_factory=Series)
    learning_rate: Series = msgspec.field(default_factory=Series)
    seconds: Series = msgspec.field(default_factory=Series)
    data_seconds: Series = msgspec.field(default_factory=Series)
    texture: Series = msgspec.field(default_factory=Series)
    balance: Series = msgspec.field(default_factory=Series)
    structure: Series = msgspec.field(default_factory=Series)

    def extend(self, steps: Sequence[ev.StepCompleted]) -> "Curves":
        """The curves with more steps, of which each comes after those before it."""
        if not steps:
            return self
        room = MOST_ENTRIES - len(self.step)
        if room <= 0:
            return self._halved().extend(steps)
        columns = zip(*map(_entry, steps[:room]), strict=True)
        own: tuple[Series, ...] = msgspec.structs.astuple(self)
        return Curves(*map(Series.extend, own, columns)).extend(steps[room:])

    def until(self, step: int) -> "Curves":
        """The curves without what came after an optimizer step: a resumed run does those steps again."""
        if not len(self.step) or self.step[-1] <= step:
            return self
        length = bisect_right(self.step, step)
        return Curves(*(column.truncate(length) for column in msgspec.structs.astuple(self)))

    def _halved(self) -> "Curves":
        columns: dict[str, Series] = msgspec.structs.asdict(self)
        return Curves(**{name: column.halved(last=name in ("step", "time")) for name, column in columns.items()})


def _entry(event: ev.StepCompleted) -> tuple[float | None, ...]:
    """What the curves keep of a step, in the order of their fields."""
    return (
        event.step, event.time, event.loss, event.gradient_norm, event.learning_rate, event.seconds, event.data_seconds,
        *_band_losses(event),
    )  # fmt: skip


def _band_losses(event: ev.StepCompleted) -> list[float | None]:
    """The mean loss of a step's samples in each band of the timestep."""
    bands: list[float | None] = [None] * len(ev.BANDS)
    counts = [0] * len(ev.BANDS)
    for timestep, loss in zip(event.timesteps, event.losses, strict=False):  # a log of an older version has none
        if loss is not None:
            band = min(int(timestep * len(ev.BANDS)), len(ev.BANDS) - 1)
            counts[band] += 1
            mean = bands[band]
            bands[band] = loss if mean is None else mean + (loss - mean) / counts[band]
    return bands
