"""The axes of charts: the range that holds the values, heights and ticks."""

import math

import numpy as np
import pytest

from sidestep_tui.charts.scale import Scale, fit_scale


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


@pytest.mark.parametrize(
    ("low", "high", "logarithmic"),
    [(0, 1, False), (0.137, 0.1371, False), (-3, 1e6, False), (1e-5, 1e-4, True), (0.5, 0.6, True), (1e-9, 1e9, True)],
)
def test_ticks_are_few_and_inside(low: float, high: float, logarithmic: bool) -> None:
    ticks = Scale(low, high, logarithmic).ticks(5)
    assert 1 <= len(ticks) <= 7
    assert all(low <= tick <= high * (1 + 1e-9) for tick in ticks)
    assert ticks == sorted(ticks)
