"""How curves are smoothed, in the terminal and in reports."""


class RunningMean:
    """An exponential moving average without the pull of its start (Adam's bias correction, arXiv:1412.6980)."""

    def __init__(self, decay: float) -> None:
        self._decay = decay
        self._sum = 0.0
        self._weight = 0.0

    def add(self, value: float) -> float:
        """The mean after one more value; NaN changes nothing."""
        if value == value:
            self._sum = self._decay * self._sum + (1 - self._decay) * value
            self._weight = self._decay * self._weight + (1 - self._decay)
        return self._sum / self._weight if self._weight else float("nan")
