"""The axes of charts, in the terminal and in reports: their range, their ticks, and values to heights."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_OUTLIERS = 0.5  # per cent of the points at each end that may lie outside the chart, so that one spike hides nothing
_ENOUGH_FOR_OUTLIERS = 200
_SAMPLED = 5000  # points that a range is judged by


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps `low` … `high` to 0 … 1, evenly or by the logarithm."""

    low: float
    high: float
    logarithmic: bool

    def heights(self, values: Array) -> Array:
        """0 for `low`, 1 for `high`; values outside are held at the edge, and NaN stays NaN."""
        low, high = self._coordinate(self.low), self._coordinate(self.high)
        with np.errstate(divide="ignore", invalid="ignore"):
            coordinates = np.log10(values) if self.logarithmic else values
        heights: Array = np.clip((coordinates - low) / (high - low), 0, 1)
        return heights

    def ticks(self, most: int) -> list[float]:
        """Round values inside the range that cut it into `most` pieces at the most."""
        found = _decades(self.low, self.high) if self.logarithmic else []
        if len(found) < 2:
            found = _round_steps(self.low, self.high, most)
        return found[:: math.ceil(len(found) / (most + 1))]

    def _coordinate(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


def fit_scale(columns: Sequence[Array], logarithmic: bool) -> Scale:
    """A scale that holds the columns of values, a few outliers aside."""
    lows, highs = [], []
    for column in columns:
        finite = column[:: 1 + column.size // _SAMPLED]
        finite = finite[np.isfinite(finite)]
        if logarithmic:
            finite = finite[finite > 0]
        if finite.size == 0:
            continue
        edges: Any = (_OUTLIERS, 100 - _OUTLIERS) if finite.size >= _ENOUGH_FOR_OUTLIERS else (0, 100)
        low, high = np.percentile(finite, edges)
        lows.append(float(low))
        highs.append(float(high))
    if not lows:
        return Scale(0.1, 1.0, logarithmic)
    low, high = min(lows), max(highs)
    margin = (high - low) * 0.04 if high > low else abs(low) * 0.1 or 1.0
    if logarithmic:
        return Scale(low / 1.05, high * 1.05, logarithmic)
    return Scale(low - margin if low < 0 else max(0.0, low - margin), high + margin, logarithmic)


def _decades(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [m * 10.0**p for p in powers for m in (1, 2, 5) if low <= m * 10.0**p <= high]


def _round_steps(low: float, high: float, most: int) -> list[float]:
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (factor * power for factor in (1, 2, 2.5, 5, 10)):
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first <= most:
            break
    return [index * step for index in range(first, last + 1)]
