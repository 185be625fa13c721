"""The run's curves as arrays that grow with it: each step is copied and smoothed once."""

from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np

from sidestep_tui.charts.running_mean import RunningMean
from sidestep_tui.charts.scale import Array
from sidestep_tui.runs.curves import Curves
from sidestep_tui.runs.events import BANDS

NAMES: Final = ("step", "loss", "gradient_norm", "learning_rate", "seconds", "data_seconds")
_SMOOTHED: Final = ("loss", "gradient_norm", "seconds", *BANDS)
_DECAY: Final = 0.97  # a mean over some 33 steps


class StepColumns:
    """Columns of the steps so far, by name, and `smooth_…` of those in `_SMOOTHED`."""

    _columns: "dict[str, array[float]]"
    _means: dict[str, RunningMean]
    _last_time: float

    def __init__(self) -> None:
        self._clear()

    def __len__(self) -> int:
        return len(self._columns["step"])

    def extend(self, curves: Curves) -> None:
        """Takes in what is new; starts over where a resumed run has gone back."""
        known = len(self)
        # A step that was done again has another time, and so has an entry that is the mean of several now, even where
        # as many entries are known as before.
        if known > len(curves.step) or (known and curves.time[known - 1] != self._last_time):
            self._clear()
            known = 0
        fresh: dict[str, Sequence[float]] = {name: getattr(curves, name)[known:] for name in (*NAMES, *BANDS)}
        if len(curves.time):
            self._last_time = curves.time[-1]
        for name in NAMES:
            self._columns[name].extend(fresh[name])
        for name in _SMOOTHED:
            self._columns[f"smooth_{name}"].extend(self._means[name].extend(fresh[name]))

    def get(self, name: str) -> Array:
        """One column, shape [steps]."""
        return np.array(self._columns[name], dtype=np.float64)

    def _clear(self) -> None:
        self._columns = {name: array("d") for name in (*NAMES, *(f"smooth_{name}" for name in _SMOOTHED))}
        self._last_time = 0.0
        self._means = {name: RunningMean(_DECAY) for name in _SMOOTHED}
