"""What a chart draws: named columns of numbers."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sidestep_tui.charts.scale import Array


@dataclass(frozen=True, slots=True)
class Columns:
    """A curve by dot columns that hold points: their index, and the lowest, highest, first and last value in each."""

    index: NDArray[np.int_]
    lowest: Array
    highest: Array
    first: Array
    last: Array


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart. `x` ascends; `y` may hold NaN where there is nothing to draw.

    Args:
        name: what the legend calls it; empty where its mark alone follows the curve before it.
        colour: a theme variable, without `$`.
        x: positions, shape [points].
        y: values, shape [points].
        mark: a character drawn on every point, for few points; curves stay apart by it where there is no colour.
        sparse: the mark is drawn on a few points only, for a curve of many.
    """

    name: str
    colour: str
    x: Array
    y: Array
    mark: str = ""
    sparse: bool = False

    def between(self, low: float, high: float) -> "Curve":
        """The part of the curve from `low` to `high`, both included."""
        first, last = np.searchsorted(self.x, low, "left"), np.searchsorted(self.x, high, "right")
        return replace(self, x=self.x[first:last], y=self.y[first:last])

    def in_columns(self, low: float, high: float, columns: int) -> "Columns":
        """What is drawn of `between(low, high)` in so many dot columns: 100,000 points become a few hundred."""
        if self.x.size == 0:
            return Columns(np.empty(0, int), *(np.empty(0) for _ in range(4)))
        edges = low + (high - low) * (np.arange(columns) - 0.5) / (columns - 1)
        starts = np.searchsorted(self.x, edges, "left")
        filled = np.flatnonzero(np.diff(starts, append=self.x.size))
        starts = starts[filled]
        ends = np.append(starts[1:], self.x.size) - 1
        lowest, highest = np.fmin.reduceat(self.y, starts), np.fmax.reduceat(self.y, starts)
        real = ~np.isnan(lowest)
        first = np.where(np.isnan(self.y[starts]), lowest, self.y[starts])
        last = np.where(np.isnan(self.y[ends]), lowest, self.y[ends])
        return Columns(filled[real], lowest[real], highest[real], first[real], last[real])

    def value_at(self, position: float | None) -> float | None:
        """The value of the last point that is not after `position`; of the last point at all for None."""
        index = self.x.size if position is None else int(np.searchsorted(self.x, position + 1e-9, "right"))
        return float(self.y[index - 1]) if index else None
