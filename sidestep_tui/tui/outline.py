"""A run in a few words: how far it is, its condition's symbol. Pure; shared by home and monitor."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import count
from sidestep_tui.tui.text import clean
from sidestep_tui.tui.words import unit

if TYPE_CHECKING:
    from sidestep_tui.runs.state import RunState


SYMBOLS: Final[dict[str, tuple[str, str]]] = {
    "waiting": ("○", "text-muted"),
    "running": ("●", "success"),
    "stopped": ("■", "warning"),
    "interrupted": ("!", "warning"),
    "failed": ("×", "error"),
    "completed": ("✓", "primary"),
}
"""For each condition its symbol and the theme variable of its colour."""


@dataclass(frozen=True, slots=True)
class Headway:
    """`done` of `total` `unit`s."""

    done: int
    total: int
    unit: str
    completed: bool = False

    @property
    def told(self) -> str:
        """`18 of 400 songs`; `11 batches` where that was enough."""
        if self.completed and self.done < self.total:
            return _("{done} {unit}").format(done=count(self.done), unit=clean(unit(self.unit, self.done)))
        of = clean(unit(self.unit, self.total))
        return _("{done} of {total} {unit}").format(done=count(self.done), total=count(self.total), unit=of)

    @property
    def share(self) -> float:
        """From 0 to 1; 1 for a run that has completed, also where it ended before the last of what it had planned."""
        if self.completed:
            return 1.0
        return min(1.0, self.done / self.total) if self.total else 0.0


def phase_about(state: "RunState") -> str:
    """What a phase is about, `song 2 of 3, 8 steps: waltz`: the words said, the name left as it is."""
    return ": ".join(filter(None, (clean(spoken(state.phase_detail)), clean(state.phase_subject))))


def headway(state: "RunState") -> Headway | None:
    """How far the run is, in the unit of its job; None while it has not said."""
    completed = state.status == "completed"
    if state.plan is not None:
        return Headway(state.step, state.plan.total_steps, "steps", completed)
    if state.sensitivity is not None:
        return Headway(state.sensitivity.batches_done, state.sensitivity.batches_total, "batches", completed)
    if state.progress is not None:
        return Headway(state.progress.done, state.progress.total, state.progress.unit, completed)
    return None


def bar(share: float, width: int) -> tuple[str, str]:
    """The filled and the open part of a bar; thick and thin, so that it reads without colour."""
    filled = round(max(0.0, min(1.0, share)) * width)
    return "━" * filled, "─" * (width - filled)
