"""Which curves each chart panel shows, and what they are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from sidestep_tui.runs.events import BANDS
from sidestep_tui.runs.state import RunState
from sidestep_tui.texts import _
from sidestep_tui.tui.chart.curve import Curve
from sidestep_tui.tui.monitor.columns import StepColumns
from sidestep_tui.tui.words import word

CurveMaker = Callable[[StepColumns, RunState], list[Curve]]


@dataclass(frozen=True, slots=True)
class ChartPanel:
    """A panel with a chart.

    Args:
        name: its key.
        title: what its tab says.
        make: makes its curves.
        empty: what it says while there are none.
        overlay: the column of other runs that is drawn over it; empty for none.
    """

    name: str
    title: str
    make: CurveMaker
    empty: str
    overlay: str = ""


def _loss(columns: StepColumns, state: RunState) -> list[Curve]:
    steps = columns.get("step")
    return [
        Curve(_("loss"), "curve-raw", steps, columns.get("loss")),
        Curve(_("smooth"), "curve-smooth", steps, columns.get("smooth_loss")),
        _validation(_("train set"), "curve-other", "+", state, lambda v: v.train_loss),
        _validation(_("validation"), "curve-validation", "•", state, lambda v: v.loss),
    ]


def _learning_rate(columns: StepColumns, _state: RunState) -> list[Curve]:
    return [Curve(_("learning rate"), "curve-smooth", columns.get("step"), columns.get("learning_rate"))]


def _gradient(columns: StepColumns, _state: RunState) -> list[Curve]:
    steps = columns.get("step")
    return [
        Curve(_("gradient norm"), "curve-raw", steps, columns.get("gradient_norm")),
        Curve(_("smooth"), "curve-smooth", steps, columns.get("smooth_gradient_norm")),
    ]


def _speed(columns: StepColumns, _state: RunState) -> list[Curve]:
    steps = columns.get("step")
    return [
        Curve(_("seconds per step"), "curve-raw", steps, columns.get("seconds")),
        Curve(_("smooth"), "curve-smooth", steps, columns.get("smooth_seconds")),
        Curve(_("waiting for data"), "curve-validation", steps, columns.get("data_seconds")),
    ]


def _bands(columns: StepColumns, state: RunState) -> list[Curve]:
    """For each band the smoothed training loss as a line, and the validations as marks of the same colour."""
    steps = columns.get("step")
    colours = ("curve-smooth", "curve-other", "curve-validation")
    curves = []
    for band, (name, colour, mark) in enumerate(zip(BANDS, colours, "•+×", strict=True)):
        training = columns.get(f"smooth_{name}")
        seen = np.isfinite(training)
        curves.append(Curve(word(name), colour, steps[seen], training[seen]))
        own_name = "" if seen.any() else word(name)  # else the line beside it has told the name
        held_out = _validation(own_name, colour, mark, state, lambda v, band=band: v.bands[band] if v.bands else None)
        curves.append(held_out)
    return curves


def _validation(name: str, colour: str, mark: str, state: RunState, value: Callable[..., float | None]) -> Curve:
    """A curve with one marked point for each validation that has this value."""
    found = [(v.step, value(v)) for v in state.validations]
    points = [(step, y) for step, y in found if y is not None]
    x, y = np.array(points, dtype=np.float64).reshape(-1, 2).T
    return Curve(name, colour, x, y, mark)


_FIRST_STEP: Final = _("The curve begins with the first optimizer step.")
CHARTS: Final = (
    ChartPanel("loss", _("Loss"), _loss, _FIRST_STEP, "smooth_loss"),
    ChartPanel(
        "bands", _("Bands"), _bands, _("Loss by timestep, from texture (near the song) to structure (near noise).")
    ),
    ChartPanel("rate", _("Rate"), _learning_rate, _FIRST_STEP, "learning_rate"),
    ChartPanel("gradient", _("Gradient"), _gradient, _FIRST_STEP, "smooth_gradient_norm"),
    ChartPanel("speed", _("Speed"), _speed, _FIRST_STEP, "smooth_seconds"),
)
