"""An exponential moving average of the adapter, kept beside the raw weights and never trained on."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """avg <- d*avg + (1-d)*weight after every optimizer step, with d = min(decay, (1+n)/(10+n)) at step n.

    The growing decay lets short runs forget their start (as in TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, parameters: dict[str, nn.Parameter], decay: float) -> None:
        self._parameters = parameters
        self._decay = decay
        self._average = {name: parameter.detach().clone() for name, parameter in parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the weights after optimizer step `step` (from 1)."""
        decay = min(self._decay, (1 + step) / (10 + step))
        averages, weights = list(self._average.values()), [one.detach() for one in self._parameters.values()]
        get_ema_multi_avg_fn(decay)(averages, weights, step)  # type: ignore[no-untyped-call]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The averages stand in for the weights inside the block; what is written to them there becomes the average."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._parameters.items():
            kept = parameter.detach().clone()
            parameter.copy_(self._average[name])
            self._average[name] = kept
