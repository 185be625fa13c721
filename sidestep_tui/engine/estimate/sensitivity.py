"""Running statistics of weight gradients: how strongly each module responds, in how many directions, how surely.

The squared Frobenius norm of a module's gradient, averaged over songs, noise and timesteps, is the trace of its
empirical Fisher information: how strongly the module responds. Much of it is noise that no training can use; what all
draws agree on, the squared norm of their mean, is how much the loss falls to first order for a step of given size in
that module. The first ranks the modules, the second decides where ranks pay (`bench/sensitivity.py`).
Timesteps are drawn evenly in three bands, and the bands are weighed by how often training draws from them.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from sidestep_tui.engine.estimate.weight_gradient import WeightGradient
from sidestep_tui.runs.events import BANDS

_DIRECTIONS: Final = 16
"""Directions of each gradient that are told apart; the rest is known as one sum."""

_SKETCH: Final = 64
"""Side of the random projection in which gradients are added up: a mean of gradients without keeping one."""


def band_weights(mu: float, sigma: float) -> tuple[float, ...]:
    """The probability of each third of the timestep under the model's training law.

    P(t <= x) = Phi((logit x - mu) / sigma)^2: the larger of two independent logit-normal draws lies below x when
    both do.
    """

    def below(x: float) -> float:
        z = (math.log(x / (1 - x)) - mu) / sigma
        return (0.5 * math.erfc(-z / math.sqrt(2))) ** 2

    edges = [0.0, *(below(index / len(BANDS)) for index in range(1, len(BANDS))), 1.0]
    return tuple(high - low for low, high in pairwise(edges))


@dataclass(frozen=True, slots=True)
class Measurement:
    """One gradient, reduced: squared norm (a scalar), the directions [in, k] and its energy [k, k] in them, sketch."""

    square: Tensor
    basis: Tensor
    energy: Tensor
    sketch: Tensor


@dataclass(slots=True)
class ModuleStatistics:
    """The gradients of one module so far."""

    squares: tuple[list[float], ...] = field(default_factory=lambda: tuple([] for _ in BANDS))
    basis: Tensor | None = None
    energy: Tensor | None = None
    sketches: dict[int, Tensor] = field(default_factory=dict)
    sketch_squares: list[float] = field(default_factory=lambda: [0.0 for _ in BANDS])

    def measure(self, gradient: WeightGradient) -> Measurement:
        """Reduces a gradient [out, in] by its factors, without a wait for the device.

        The first gradient that is taken in gives the directions: its leading right singular vectors (randomised SVD
        with one power iteration, arXiv:0909.4061) become the basis V [in, k]; the energy of a gradient is
        (G V)^T (G V).
        """
        basis = _leading_directions(gradient) if self.basis is None else self.basis
        seen, (outputs, inputs) = gradient.times(basis), gradient.shape
        left, right = _projection(outputs, basis.device, 1), _projection(inputs, basis.device, 2)
        return Measurement(gradient.square(), basis, seen.T @ seen, gradient.between(left, right))

    def add(self, square: float, seen: Measurement, band: int) -> None:
        """Takes in a measurement, whose squared norm was fetched from the device already."""
        energy, sketch = seen.energy.cpu(), seen.sketch.cpu()
        self.basis = seen.basis
        self.squares[band].append(square)
        self.energy = energy if self.energy is None else self.energy + energy
        self.sketches[band] = sketch if band not in self.sketches else self.sketches[band] + sketch
        self.sketch_squares[band] += float(sketch.square().sum())

    def signal(self, weights: tuple[float, ...]) -> float:
        """The squared norm of the mean gradient under the training law, free of the draws' own noise, at least 0.

        ||sum_b w_b m_b||^2 - sum_b w_b^2 v_b / n_b, with mean m_b and variance v_b of each band's n_b sketches; the
        random projection keeps squared norms in expectation.
        """
        counts = [len(band) for band in self.squares]
        bands = [band for band, count in enumerate(counts) if count > 1]
        total = sum(weights[band] for band in bands)
        if not bands:
            return 0.0
        mean = torch.stack([weights[band] / total * self.sketches[band] / counts[band] for band in bands]).sum(dim=0)
        noise = 0.0
        for band in bands:
            count, own = counts[band], float(self.sketches[band].square().sum())
            variance = (self.sketch_squares[band] - own / count) / (count - 1)
            noise += (weights[band] / total) ** 2 * variance / count
        return max(0.0, float(mean.square().sum()) - noise)

    @property
    def count(self) -> int:
        """Gradients taken in."""
        return sum(len(band) for band in self.squares)

    def band_means(self) -> tuple[float | None, ...]:
        """Mean squared norm in each band, None where nothing was seen."""
        return tuple(sum(band) / len(band) if band else None for band in self.squares)

    def mean(self, weights: tuple[float, ...]) -> tuple[float, float]:
        """The mean squared norm under the training law, and its standard error (bands are independent strata)."""
        seen = [(band, weight) for band, weight in zip(self.squares, weights, strict=True) if band]
        total = sum(weight for _, weight in seen)
        mean = sum(weight / total * sum(band) / len(band) for band, weight in seen)
        variance = sum((weight / total) ** 2 * _variance(band) / len(band) for band, weight in seen)
        return mean, math.sqrt(variance)

    def spectrum(self) -> list[float]:
        """The share of the squared norm in each of the leading directions, largest first; the rest is missing to 1."""
        if self.energy is None:
            return []
        total = sum(sum(band) for band in self.squares)
        values = torch.linalg.eigvalsh(self.energy.double()).flip(0).clamp(min=0)
        return [float(value) / total for value in values] if total > 0 else [0.0] * len(values)


def _leading_directions(gradient: WeightGradient) -> Tensor:
    """An orthonormal basis [in, k] of about the k strongest right singular directions of a gradient [out, in]."""
    k, outputs = min(_DIRECTIONS, *gradient.shape), gradient.shape[0]
    start = torch.randn(outputs, k, generator=torch.Generator().manual_seed(0)).to(gradient.outputs.device)
    basis = torch.linalg.qr(gradient.transposed_times(start))[0]
    refined: Tensor = torch.linalg.qr(gradient.transposed_times(gradient.times(basis)))[0]
    return refined


@lru_cache(maxsize=16)
def _projection(size: int, device: torch.device, which: int) -> Tensor:
    """A fixed random matrix [size, _SKETCH] with E[P P^T] = I, the same for all modules of this size."""
    drawn = torch.randn(size, _SKETCH, generator=torch.Generator().manual_seed(which))
    return (drawn / math.sqrt(_SKETCH)).to(device)


def _variance(values: list[float]) -> float:
    if len(values) < 2:
        return values[0] ** 2  # one draw says nothing about its spread; its own size is the cautious guess
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
