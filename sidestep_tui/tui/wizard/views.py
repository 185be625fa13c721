"""What the wizard shows, as plain values: the same for the screens and for the line-by-line prompt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sidestep_tui.config.memory import GIB, MemoryEstimate
from sidestep_tui.config.memory_advice import Change
from sidestep_tui.config.variants import Chosen
from sidestep_tui.texts import _
from sidestep_tui.tui.wizard.schema import Difference
from sidestep_tui.tui.wizard.values import spell_value
from sidestep_tui.tui.words import word

Condition = Literal["done", "open", "wrong"]


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step in the list."""

    title: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class MemoryView:
    """What the bar shows: the estimate, the card's free bytes where there is a card, and what would make it fit."""

    memory: MemoryEstimate
    free: int | None
    change: Change | None = None

    @property
    def fits(self) -> bool:
        """Whether the run fits, as far as that can be told."""
        return self.free is None or self.memory.fits(self.free)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a step took in an earlier training run here."""

    seconds_per_step: float
    run: str


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done with the finished settings. `note` says what comes of it, or why it cannot be done."""

    key: str
    name: str
    note: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class ReviewView:
    """What the review shows. `steps` is 0 where the number of songs is not known.

    `chosen` are the open settings that model or optimizer decide, by dotted path, each with its reason.
    """

    actions: tuple[Action, ...]
    differences: tuple[Difference, ...]
    commands: tuple[str, ...]
    steps: int
    pace: Pace | None
    chosen: Mapping[str, Chosen] = field(default_factory=dict)


def advice(change: Change) -> str:
    """`make it fit (12.7 GiB): checkpointing half · slower steps, the same numbers`."""
    changes = ", ".join(f"{path.rsplit('.', 1)[-1]} {_short(value)}" for path, value in change.values.items())
    cost = ", ".join(word(part) for part in change.cost.split(", "))
    return _("make it fit ({total:.1f} GiB): {changes} · {cost}").format(
        total=change.memory.total / GIB, changes=changes, cost=cost
    )


def origin_words(origin: str) -> str:
    """Where a value comes from, as people read it: `preset NAME` and the like with the first word translated."""
    kind, _space, name = origin.partition(" ")
    return f"{word(kind)} {name}".strip()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else spell_value(value)
