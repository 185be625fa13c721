"""What the wizard shows, as plain values: the same for the screens and for the line-by-line prompt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sidestep_tui.config.memory.advice import Change
from sidestep_tui.config.memory.estimate import GIB, MARGIN, RESERVE_BYTES, MemoryEstimate
from sidestep_tui.config.variants import Chosen
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import count, duration
from sidestep_tui.tui.text import clean, shorten_middle
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
class Figures:
    """What was measured with the settings as they stand; None for what was not.

    `seconds` of an optimizer step, `peak` bytes of the process. `run` is the run that took them, empty for a preflight.
    `too_little` are the free bytes that did not suffice, where the memory ran out.
    """

    seconds: float | None = None
    peak: int | None = None
    run: str = ""
    too_little: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryView:
    """What the bar shows: the estimate or what was measured, the card's free bytes where there is a card, and what
    would make the run fit."""

    memory: MemoryEstimate
    free: int | None
    figures: Figures | None = None
    change: Change | None = None

    @property
    def measured(self) -> bool:
        """Whether the figures come from a measurement."""
        return self.figures is not None and (self.figures.peak or self.figures.too_little) is not None

    @property
    def total(self) -> int:
        """Bytes that the run needs. A process measures what it allocates; the rest of a card's context comes on top.

        On a card, samples that were not measured along with the steps are an estimate still.
        """
        match self.figures:
            case Figures(peak=int(peak)):
                return peak if self.free is None else max(peak + RESERVE_BYTES, self.memory.sampling)
            case Figures(too_little=int(free)):
                return max(self.memory.total, free + RESERVE_BYTES)
            case _:
                return self.memory.total

    @property
    def fits(self) -> bool:
        """Whether the run fits, as far as that can be told."""
        return self.free is None or self.total <= self.free * (1 - MARGIN)

    def parts(self) -> tuple[tuple[str, int], ...]:
        """What the bar is made of, by name."""
        if not self.measured:
            return self.memory.parts()
        reserve = 0 if self.free is None else RESERVE_BYTES
        step = self.figures.peak if self.figures and self.figures.peak else self.total - reserve
        return ("measured", step), ("sampling", self.total - step - reserve), ("reserve", reserve)


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done with the finished settings. `note` says what comes of it, or why it cannot be done.

    A note that `is_long` may take several lines.
    """

    key: str
    name: str
    note: str
    enabled: bool = True
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class ReviewView:
    """What the review shows. `steps` is 0 where the number of songs is not known.

    `chosen` are the open settings that model or optimizer decide, by dotted path, each with its reason.
    """

    actions: tuple[Action, ...]
    differences: tuple[Difference, ...]
    commands: tuple[str, ...]
    steps: int
    figures: Figures | None
    chosen: Mapping[str, Chosen] = field(default_factory=dict)


def advice(change: Change) -> str:
    """`make it fit (12.7 GiB): checkpointing half · slower steps, the same numbers`."""
    changes = ", ".join(f"{path.rsplit('.', 1)[-1]} {_short(value)}" for path, value in change.values.items())
    return _("make it fit ({total:.1f} GiB): {changes} · {cost}").format(
        total=change.memory.total / GIB, changes=changes, cost=spoken(change.cost)
    )


def amount(view: MemoryView) -> str:
    """`6.2 GiB measured`, or `≈ 6.2 GiB estimated`; in between where steps were measured and samples exceed them."""
    if not view.measured:
        return _("≈ {total:.1f} GiB estimated").format(total=view.total / GIB)
    ran_out = view.figures is not None and view.figures.peak is None
    sampling = dict(view.parts())["sampling"] > 0
    words = _("over {total:.1f} GiB measured") if ran_out else _("{total:.1f} GiB measured")
    return (_("≈ {total:.1f} GiB, its steps measured") if sampling else words).format(total=view.total / GIB)


def figure(view: MemoryView) -> str:
    """The same in figures alone, in GiB: `6.2`, `≈ 6.2`, or `> 6.2` where the memory ran out at that."""
    ran_out = view.figures is not None and view.figures.too_little is not None and view.figures.peak is None
    about = not view.measured or dict(view.parts())["sampling"] > 0
    return f"{'≈ ' if about else '> ' if ran_out else ''}{view.total / GIB:.1f}"


def source(view: MemoryView, name_cells: int | None = None) -> str:
    """Who measured, and what had been estimated; empty where nothing was measured. `name_cells` cut a run's name."""
    if not view.measured or view.figures is None:
        return ""
    words = _("by {run} (estimated: {total:.1f})") if view.figures.run else _("by a preflight (estimated: {total:.1f})")
    run = clean(view.figures.run)
    return words.format(
        run=run if name_cells is None else shorten_middle(run, name_cells), total=view.memory.total / GIB
    )


def time_words(view: "ReviewView") -> str:
    """How long the run takes, as far as that was measured."""
    if not view.steps:
        return _("known once the songs are")
    figures, steps = view.figures, count(view.steps)
    if figures is None or figures.seconds is None:
        return _("{steps} steps; how long is not measured with these settings").format(steps=steps)
    values = {"steps": steps, "time": duration(view.steps * figures.seconds), "seconds": f"{figures.seconds:.3g}"}
    if figures.run:
        words = _("{steps} steps, about {time} at {seconds} s a step, measured by {run} with these settings")
        return words.format(**values, run=clean(figures.run))
    return _("{steps} steps, about {time} at {seconds} s a step, measured by a preflight").format(**values)


def origin_words(origin: str) -> str:
    """Where a value comes from, as people read it: `preset NAME` and the like with the first word translated."""
    kind, _space, name = origin.partition(" ")
    return f"{word(kind)} {name}".strip()


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else spell_value(value)
