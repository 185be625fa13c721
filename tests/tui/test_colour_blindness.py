"""The colour-blind themes keep apart what a colour tells apart, for each of the three kinds of dichromats.

Simulated after Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
Deficiency", IEEE TVCG 15 (2009), severity 1.0, in linear RGB; distances are CIE 1976 differences in L*a*b* (D65).
"""

from itertools import combinations
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from textual.color import Color
from textual.theme import Theme

from sidestep_tui.tui.themes import THEMES

Array = NDArray[np.float64]
SIMULATED: Final = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
TO_XYZ: Final = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
CLEARLY_APART: Final = 25.0
SAFE: Final = [theme for theme in THEMES if theme.name.startswith("colour-blind")]


def linear(colour: str) -> Array:
    """A colour of the screen as linear RGB."""
    values = np.array(Color.parse(colour).rgb) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: Array) -> Array:
    """Linear RGB as L*, a*, b*."""
    relative = TO_XYZ @ rgb.clip(0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def seen_apart(one: str, other: str, kind: str) -> float:
    """How far apart two colours are for such eyes."""
    matrix = np.array(SIMULATED[kind])
    return float(np.linalg.norm(lab(matrix @ linear(one)) - lab(matrix @ linear(other))))


def test_the_simulation_leaves_greys_and_confuses_red_with_green() -> None:
    for kind in SIMULATED:
        assert np.array(SIMULATED[kind]).sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert seen_apart("#af0000", "#5f5f00", "deuteranopia") < seen_apart("#af0000", "#5f5f00", "tritanopia") / 2


def test_there_is_one_for_dark_and_one_for_light() -> None:
    assert sorted(theme.dark for theme in SAFE) == [False, True]


@pytest.mark.parametrize("kind", SIMULATED)
@pytest.mark.parametrize("theme", SAFE, ids=[theme.name for theme in SAFE])
def test_conditions_and_curves_stay_apart(theme: Theme, kind: str) -> None:
    conditions = [str(colour) for colour in (theme.error, theme.warning, theme.success)]
    curves = [theme.variables[f"curve-{name}"] for name in ("raw", "smooth", "validation", "other")]
    for group in (conditions, curves):
        for one, other in combinations(group, 2):
            assert seen_apart(one, other, kind) > CLEARLY_APART, (one, other)
