"""Scale, decimation and canvas: what a curve becomes in dots."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.chart.canvas import Canvas
from sidestep_tui.tui.chart.curve import Curve
from sidestep_tui.tui.chart.scale import Scale, fit_scale
from sidestep_tui.tui.chart.widget import Chart
from sidestep_tui.tui.chart.window import Window


def line(x: list[float], y: list[float]) -> Curve:
    return Curve("line", "primary", np.array(x), np.array(y))


def dots(canvas: Canvas) -> list[str]:
    return ["".join(character for character, _ in canvas.row(row)) for row in range(canvas.rows)]


def test_one_spike_does_not_flatten_a_long_curve() -> None:
    values = np.concatenate([np.linspace(0.4, 0.6, 5000), [1000.0]])
    assert fit_scale([values], logarithmic=False).high < 1


def test_few_points_are_all_inside() -> None:
    scale = fit_scale([np.array([0.5, 3.0]), np.array([math.nan])], logarithmic=False)
    assert scale.low < 0.5
    assert scale.high > 3.0


@pytest.mark.parametrize("values", [[], [math.nan], [0.0], [7.0, 7.0], [-2.0, -2.0]])
def test_a_scale_is_never_empty(values: list[float]) -> None:
    for logarithmic in (False, True):
        scale = fit_scale([np.array(values)], logarithmic)
        assert scale.low < scale.high


def test_logarithmic_heights_are_even_by_decade() -> None:
    heights = Scale(0.001, 1.0, True).heights(np.array([0.001, 0.01, 0.1, 1.0]))
    assert heights == pytest.approx([0, 1 / 3, 2 / 3, 1])


def test_ticks_are_round_and_inside() -> None:
    assert Scale(0.0, 1.0, False).ticks(4) == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])
    assert Scale(0.9e-4, 1.1e-2, True).ticks(2) == pytest.approx([1e-4, 1e-3, 1e-2])


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
