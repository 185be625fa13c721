"""A grid of terminal cells with 2 × 4 braille dots each; the last curve to touch a cell gives it its colour."""

from collections.abc import Iterator

import numpy as np

from sidestep_tui.charts.scale import Array, Scale
from sidestep_tui.tui.chart.curve import Columns

_BRAILLE = 0x2800

# For the left and the right column of a cell: the bits of dot y and all below it, and of dot y and all above it.
_FROM_TOP = ((0x47, 0x46, 0x44, 0x40), (0xB8, 0xB0, 0xA0, 0x80))
_TO_BOTTOM = ((0x01, 0x03, 0x07, 0x47), (0x08, 0x18, 0x38, 0xB8))


class Canvas:
    """`columns` × `rows` cells; dots are addressed by (x, y) from the top left."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self._masks = [bytearray(columns) for _ in range(rows)]
        self._owners = [bytearray(columns) for _ in range(rows)]

    @property
    def dots_wide(self) -> int:
        """Dots from left to right."""
        return 2 * self.columns

    @property
    def dots_high(self) -> int:
        """Dots from top to bottom."""
        return 4 * self.rows

    def vertical(self, x: int, top: int, bottom: int, owner: int) -> None:
        """Sets the dots of column `x` from `top` to `bottom`, both included, for curve `owner` (from 1).

        A cell has one colour, so a curve takes away what an earlier one drew in its cells.
        """
        from_top, to_bottom = _FROM_TOP[x & 1], _TO_BOTTOM[x & 1]
        column = x >> 1
        first, last = top >> 2, bottom >> 2
        for row in range(first, last + 1):
            mask = from_top[top & 3] if row == first else from_top[0]
            if row == last:
                mask &= to_bottom[bottom & 3]
            kept = self._masks[row][column] if self._owners[row][column] == owner else 0
            self._masks[row][column] = kept | mask
            self._owners[row][column] = owner

    def curve(self, columns: Columns, scale: Scale, owner: int) -> None:
        """Draws a curve: in each of its dot columns from the lowest to the highest value, and a line between them."""
        tops, bottoms = self._dots(scale, columns.highest), self._dots(scale, columns.lowest)
        firsts, lasts = self._dots(scale, columns.first), self._dots(scale, columns.last)
        previous: tuple[int, int] | None = None
        for x, top, bottom, first, last in zip(columns.index.tolist(), tops, bottoms, firsts, lasts, strict=True):
            if previous is not None:
                self._join(*previous, x, first, owner)
            self.vertical(x, top, bottom, owner)
            previous = (x, last)

    def _dots(self, scale: Scale, values: Array) -> list[int]:
        """Values as dots from the top. On a logarithmic scale zero lies at the bottom."""
        heights = np.nan_to_num(scale.heights(values), nan=0.0)
        dots: list[int] = np.rint((1 - heights) * (self.dots_high - 1)).astype(int).tolist()
        return dots

    def _join(self, x0: int, y0: int, x1: int, y1: int, owner: int) -> None:
        """A line between two points, without its ends' own dots being lifted."""
        before = y0
        for x in range(x0 + 1, x1 + 1):
            y = y0 + round((y1 - y0) * (x - x0) / (x1 - x0))
            low, high = (before, y) if before <= y else (y, before)
            if high - low > 1:  # touch neither the dot before nor, needlessly, the one that follows
                low, high = (low + 1, high) if before < y else (low, high - 1)
            elif x != x1:
                low = high = y
            else:
                break
            self.vertical(x, low, high, owner)
            before = y

    def row(self, row: int) -> Iterator[tuple[str, int]]:
        """The characters of one row with their owners; a space and 0 where nothing was drawn."""
        for mask, owner in zip(self._masks[row], self._owners[row], strict=True):
            yield (chr(_BRAILLE + mask), owner) if mask else (" ", 0)
