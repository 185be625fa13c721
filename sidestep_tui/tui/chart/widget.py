"""The chart as a widget: legend with values, curves, axes, cursor. Only rows that changed are sent to the terminal."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from sidestep_tui.charts.scale import Scale, fit_scale
from sidestep_tui.texts import _
from sidestep_tui.tui.chart.canvas import Canvas
from sidestep_tui.tui.chart.curve import Curve
from sidestep_tui.tui.chart.window import Window
from sidestep_tui.tui.figures import count, number
from sidestep_tui.tui.text import pad_left, shorten
from sidestep_tui.tui.themes import rich_style

_LABELS = 9  # cells left of the plot: a value and the axis
_ROWS_PER_TICK = 4
_CELLS_PER_TICK = 16
_FEW = 7
_LEGENDS = ((4, 40), (3, 40), (3, 8), (3, 5), (2, 3))  # significant digits, and cells of a name


class Chart(Widget):
    """Curves over optimizer steps. Give it data with `show`; it draws when something it shows has changed."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "Chart { height: 1fr; }"

    def __init__(self, *, empty: str, id: str | None = None) -> None:  # noqa: A002 - as Textual calls it
        """`empty` says what will be here, and when, while there are no points."""
        super().__init__(id=id)
        self._empty = empty
        self._curves: Sequence[Curve] = ()
        self._window = Window()
        self._logarithmic = False
        self._rows: list[Strip] = []

    @property
    def extent(self) -> tuple[float, float]:
        """The first and the last x of all curves."""
        drawn = [curve for curve in self._curves if curve.x.size]
        if not drawn:
            return 0.0, 1.0
        return min(float(c.x[0]) for c in drawn), max(float(c.x[-1]) for c in drawn)

    def show(self, curves: Sequence[Curve], window: Window, *, logarithmic: bool) -> None:
        """Shows these curves in this window."""
        self._curves, self._window, self._logarithmic = curves, window, logarithmic
        self._redraw()

    def on_resize(self, _event: events.Resize) -> None:
        """Draws for the new size."""
        self._redraw()

    def notify_style_update(self) -> None:
        """Draws in the colours of the new theme."""
        super().notify_style_update()
        self._redraw()

    def render_line(self, y: int) -> Strip:
        """One row as it was drawn last."""
        return self._rows[y] if y < len(self._rows) else Strip.blank(self.size.width, self.rich_style)

    def _redraw(self) -> None:
        if self.size.width <= _LABELS + 4 or self.size.height < 4 or not self.is_attached:
            return
        rows = self._draw()
        changed = [y for y, row in enumerate(rows) if y >= len(self._rows) or row != self._rows[y]]
        self._rows = rows
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def _draw(self) -> list[Strip]:
        width, height = self.size.width, self.size.height
        if not any(curve.x.size for curve in self._curves):
            blank = Strip.blank(width, self.rich_style)
            centred = self._empty.center(width - cell_len(self._empty) + len(self._empty))
            middle = Strip([Segment(centred, self._style("text-muted"))])
            return [middle if y == height // 2 else blank for y in range(height)]
        low, high = self._window.span(*self.extent)
        visible = [curve.between(low, high) for curve in self._curves]
        scale = fit_scale([curve.y for curve in visible], self._logarithmic)
        canvas = Canvas(width - _LABELS, height - 3)
        marks: dict[tuple[int, int], int] = {}
        for owner, curve in enumerate(visible, start=1):
            canvas.curve(curve.in_columns(low, high, canvas.dots_wide), scale, owner)
            if curve.mark:
                points = np.linspace(0, curve.x.size - 1, _FEW).astype(int) if curve.sparse else slice(None)
                x, y = (curve.x[points], curve.y[points]) if curve.x.size else (curve.x, curve.y)
                cells = _cells((x - low) / (high - low), scale.heights(y), canvas)
                marks |= dict.fromkeys(cells, owner)
        return [self._legend(width), *self._plot(canvas, scale, marks, (low, high)), *self._x_axis(canvas, low, high)]

    def _legend(self, width: int) -> Strip:
        """Names and values: at the cursor, or the newest; with fewer digits and shorter names until they fit."""
        for digits, longest in _LEGENDS:
            strip = self._legend_with(digits, longest)
            if strip.cell_length <= width:
                break
        return strip.adjust_cell_length(width, self.rich_style)

    def _legend_with(self, digits: int, longest: int) -> Strip:
        cursor = self._window.cursor
        muted = self._style("text-muted")
        at = "" if cursor is None else count(round(cursor))
        segments = [Segment(f"{at:>{_LABELS}}", muted)]
        for curve in self._curves:
            if curve.x.size:
                mark = curve.mark or "━"
                segments.append(Segment(f" {mark} ", self._style(curve.colour)))
                if curve.name:
                    segments.append(Segment(f"{shorten(curve.name, longest)} ", muted))
                segments.append(Segment(number(curve.value_at(cursor), digits), self.rich_style + Style(bold=True)))
        return Strip(segments)

    def _plot(
        self, canvas: Canvas, scale: Scale, marks: dict[tuple[int, int], int], span: tuple[float, float]
    ) -> list[Strip]:
        ticks = scale.ticks(max(2, canvas.rows // _ROWS_PER_TICK))
        at_row = {
            round((1 - h) * (canvas.rows - 1)): t for t, h in zip(ticks, scale.heights(np.array(ticks)), strict=True)
        }
        cursor = self._cursor_column(canvas, span)
        muted = self._style("text-muted")
        styles = [muted, *(self._style(curve.colour) for curve in self._curves)]
        rows = []
        for row in range(canvas.rows):
            label = f"{number(at_row[row], 3):>{_LABELS - 2}} ┤" if row in at_row else " " * (_LABELS - 1) + "│"
            cells = list(canvas.row(row))
            for (mark_row, column), owner in marks.items():
                if mark_row == row:
                    cells[column] = (self._curves[owner - 1].mark, owner)
            if cursor is not None and cells[cursor][0] == " ":
                cells[cursor] = ("│", 0)
            rows.append(Strip([Segment(label, muted), *_runs(cells, styles)]))
        return rows

    def _cursor_column(self, canvas: Canvas, span: tuple[float, float]) -> int | None:
        if self._window.cursor is None:
            return None
        share = (self._window.cursor - span[0]) / (span[1] - span[0])
        return round(share * (canvas.columns - 1)) if 0 <= share <= 1 else None

    def _x_axis(self, canvas: Canvas, low: float, high: float) -> list[Strip]:
        """The line below the plot and its labels."""
        ticks = Scale(low, high, False).ticks(max(2, canvas.columns // _CELLS_PER_TICK))
        line, labels = ["─"] * canvas.columns, [" "] * canvas.columns
        for tick in ticks:
            column = round((tick - low) / (high - low) * (canvas.columns - 1))
            text = count(round(tick))
            start = min(max(0, column - len(text) // 2), canvas.columns - len(text))
            if tick == round(tick) and all(cell == " " for cell in labels[max(0, start - 1) : start + len(text) + 1]):
                line[column] = "┴"
                labels[start : start + len(text)] = text
        muted = self._style("text-muted")
        corner = pad_left(_("log") if self._logarithmic else "", _LABELS - 2) + " └"
        below = pad_left(_("step"), _LABELS - 1) + " "
        return [Strip([Segment(corner + "".join(line), muted)]), Strip([Segment(below + "".join(labels), muted)])]

    def _style(self, variable: str) -> Style:
        return self.rich_style + rich_style(self, variable)


def _cells(positions: np.ndarray, heights: np.ndarray, canvas: Canvas) -> list[tuple[int, int]]:
    """The cells (row, column) of points; NaN left out."""
    real = np.isfinite(heights)
    columns = np.rint(positions[real] * (canvas.columns - 1)).astype(int).tolist()
    rows = np.rint((1 - heights[real]) * (canvas.rows - 1)).astype(int).tolist()
    return list(zip(rows, columns, strict=True))


def _runs(cells: list[tuple[str, int]], styles: list[Style]) -> list[Segment]:
    """Neighbours of one colour as one segment: fewer bytes on the line."""
    segments: list[Segment] = []
    text, current = "", -1
    for character, owner in cells:
        owner = current if character == " " and current >= 0 else owner
        if owner != current and text:
            segments.append(Segment(text, styles[current]))
            text = ""
        text, current = text + character, owner
    return [*segments, Segment(text, styles[max(0, current)])]
