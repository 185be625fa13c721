"""Scale, decimation and canvas: what a curve becomes in dots."""

import math
from collections.abc import Callable

import numpy as np

from sidestep_tui.charts.scale import Scale
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.chart.canvas import Canvas
from sidestep_tui.tui.chart.curve import Curve
from sidestep_tui.tui.chart.widget import Chart
from sidestep_tui.tui.chart.window import Window


def line(x: list[float], y: list[float]) -> Curve:
    return Curve("line", "primary", np.array(x), np.array(y))


def dots(canvas: Canvas) -> list[str]:
    return ["".join(character for character, _ in canvas.row(row)) for row in range(canvas.rows)]


def test_many_points_become_columns_that_keep_their_extremes() -> None:
    y = np.full(100_000, 0.5)
    y[40_001] = 9.0
    y[70_001] = math.nan
    columns = Curve("loss", "primary", np.arange(100_000.0), y).in_columns(0, 99_999, 200)
    assert columns.index.size == 200
    assert columns.highest.max() == 9.0
    assert not np.isnan(columns.lowest).any()


def test_values_are_read_out_at_the_last_step_before_the_cursor() -> None:
    curve = line([1, 2, 5], [10, 20, 50])
    assert (curve.value_at(4), curve.value_at(5), curve.value_at(None)) == (20, 50, 50)
    assert curve.value_at(0) is None


def test_a_rising_line_from_corner_to_corner() -> None:
    canvas = Canvas(2, 1)
    curve = line([0, 3], [0, 3])
    canvas.curve(curve.in_columns(0, 3, canvas.dots_wide), Scale(0, 3, False), 1)
    assert dots(canvas) == ["⡠⠊"]


def test_a_later_curve_takes_the_cell() -> None:
    canvas = Canvas(1, 1)
    canvas.vertical(0, 0, 3, owner=1)
    canvas.vertical(1, 0, 0, owner=2)
    assert list(canvas.row(0)) == [("⠈", 2)]


def test_a_column_across_cells_is_whole() -> None:
    canvas = Canvas(1, 3)
    canvas.vertical(0, 2, 9, owner=1)
    assert dots(canvas) == ["⡄", "⡇", "⠃"]


async def test_the_axis_is_straight_whatever_the_numbers(make_app: Callable[..., SidestepApp]) -> None:
    """`1.25e+03` pushed its line one cell to the right."""
    async with make_app().run_test(size=(60, 24)) as pilot:
        chart = Chart(empty="")
        await pilot.app.screen.mount(chart)
        await pilot.pause()
        chart.show([line([1, 2, 3], [1100, 1900, 1300])], Window(), logarithmic=False)
        rows = [chart.render_line(y).text for y in range(1, chart.size.height - 2)]
        assert {row.rstrip()[8] for row in rows} == {"│", "┤"}
        assert any("1250 ┤" in row for row in rows)
