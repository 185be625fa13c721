"""How curves are smoothed, in the terminal and in reports."""

import math
from collections.abc import Iterable


class RunningMean:
    """An exponential moving average without the pull of its start (Adam's bias correction, arXiv:1412.6980)."""

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._sum = 0.0
        self._weight = 0.0

    def extend(self, values: Iterable[float]) -> list[float]:
        """The mean after each of these further values; NaN changes nothing."""
        decay, total, weight = self._decay, self._sum, self._weight
        means = []
        for value in values:
            if value == value:
                total = decay * total + (1 - decay) * value
                weight = decay * weight + (1 - decay)
            means.append(total / weight if weight else math.nan)
        self._sum, self._weight = total, weight
        return means
