"""The charts of a training run."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from sidestep_tui.charts.scale import Array
from sidestep_tui.report.figures import loss as loss_figure
from sidestep_tui.report.html import Html, element, name_of, section, table
from sidestep_tui.report.lines import Line, chart, smoothed
from sidestep_tui.runs.events import BANDS as BAND_NAMES
from sidestep_tui.runs.events import ValidationCompleted
from sidestep_tui.runs.state import RunState

BANDS: Final = tuple(f"{name}{t}" for name, t in zip(BAND_NAMES, (" (low t)", "", " (high t)"), strict=True))
_LOOKS: Final = ("first", "second", "third")


def loss_section(state: RunState) -> Html | None:
    """Loss, learning rate and gradient norm by optimizer step; None where no step was taken."""
    if not len(state.curves.step):
        return None
    curves = state.curves
    columns = (curves.step, curves.loss, curves.gradient_norm, curves.learning_rate)
    steps, loss, norm, rate = (np.fromiter(series, np.float64, len(series)) for series in columns)
    return section(
        "curves",
        "Curves",
        chart(
            "loss",
            "Loss",
            [
                Line("every step", "raw", steps, loss),
                Line("smoothed", "first", steps, smoothed(loss)),
                _validation("training songs, same draws", "third dashed", state, lambda v: v.train_loss),
                _validation("held-out songs", "second", state, lambda v: v.loss),
            ],
            note="by optimizer step",
        ),
        _training_bands(steps, state),
        element(
            "div",
            chart("rate", "Learning rate", [Line("learning rate", "first", steps, rate)], logarithms=False),
            chart(
                "norm",
                "Gradient norm",
                [Line("every step", "raw", steps, norm), Line("smoothed", "first", steps, smoothed(norm))],
            ),
            class_="beside",
        ),
    )


def _training_bands(steps: Array, state: RunState) -> Html:
    """The training loss by band of the timestep; nothing for a log that has no timesteps."""
    curves = state.curves
    lines = []
    for name, look, band in zip(BANDS, _LOOKS, (curves.texture, curves.balance, curves.structure), strict=True):
        loss = np.fromiter(band, np.float64, len(band))
        seen = np.isfinite(loss)
        lines.append(Line(name, look, steps[seen], smoothed(loss[seen])))
    return chart("training-bands", "Training loss by band of the timestep", lines, note="smoothed")


def validation_section(state: RunState) -> Html | None:
    """The held-out songs' loss by band of the timestep and by song; None where nothing was validated."""
    measured = [v for v in state.validations if v.loss is not None]
    if not measured:
        return None
    best, last = min(measured, key=lambda v: v.loss or 0.0), measured[-1]
    bands = chart(
        "bands",
        "Held-out songs by band of the timestep",
        [
            _validation(name, look, state, partial(_of_band, band))
            for band, (name, look) in enumerate(zip(BANDS, _LOOKS, strict=True))
        ],
        note="texture is near the song, structure near noise",
    )
    return section(
        "validation",
        "Validation",
        bands,
        element("h3", "By band"),
        table(["validation", "all", *BANDS, "training songs"], _band_rows(measured[0], best, last), figures=1),
        element("h3", "By song"),
        table(["song", "first", f"best (step {best.step})", "last"], _song_rows(measured[0], best, last), figures=1),
    )


def _band_rows(first: ValidationCompleted, best: ValidationCompleted, last: ValidationCompleted) -> list[list[str]]:
    return [
        [
            f"{name} (step {v.step})",
            loss_figure(v.loss),
            *(loss_figure(_of_band(band, v)) for band in range(len(BANDS))),
            loss_figure(v.train_loss),
        ]
        for name, v in (("first", first), ("best", best), ("last", last))
    ]


def _song_rows(first: ValidationCompleted, best: ValidationCompleted, last: ValidationCompleted) -> list[list[str]]:
    songs = dict.fromkeys([*first.songs, *best.songs, *last.songs])
    return [[name_of(song), *(loss_figure(v.songs.get(song)) for v in (first, best, last))] for song in songs]


def _validation(name: str, look: str, state: RunState, value: Callable[[ValidationCompleted], float | None]) -> Line:
    found = [(v.step, value(v)) for v in state.validations]
    points = [(step, loss) for step, loss in found if loss is not None]
    x, y = np.array(points, dtype=np.float64).reshape(-1, 2).T
    return Line(name, look, x, y, marked=True)


def _of_band(band: int, validation: ValidationCompleted) -> float | None:
    return validation.bands[band] if band < len(validation.bands) else None
