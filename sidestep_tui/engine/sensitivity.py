"""Running statistics of weight gradients: how strongly each module responds, in how many directions, how surely.

The squared Frobenius norm of a module's gradient, averaged over songs, noise and timesteps, is the trace of its
empirical Fisher information: to first order, how much the loss falls for a step of given size in that module.
Timesteps are drawn evenly in three bands, and the bands are weighed by how often training draws from them.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

BANDS: Final = ("texture", "balance", "structure")
"""The thirds of the timestep from t = 0 (nearly the song) to t = 1 (nearly noise)."""

DIRECTIONS: Final = 16
"""Directions of each gradient that are told apart; the rest is known as one sum."""


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
    """One gradient, reduced: its squared norm (a scalar) and its energy among the module's directions [k, k]."""

    square: Tensor
    energy: Tensor


@dataclass(slots=True)
class ModuleStatistics:
    """The gradients of one module so far."""

    squares: tuple[list[float], ...] = field(default_factory=lambda: tuple([] for _ in BANDS))
    basis: Tensor | None = None
    energy: Tensor | None = None

    def measure(self, gradient: Tensor) -> Measurement:
        """Reduces a gradient [out, in], float32, without a wait for the device.

        The first gradient's leading right singular vectors (randomised SVD with one power iteration,
        arXiv:0909.4061) become the basis V [in, k]; the energy of a gradient is (G V)^T (G V).
        """
        if self.basis is None:
            self.basis = _leading_directions(gradient)
        seen = gradient @ self.basis
        return Measurement(gradient.square().sum(), seen.T @ seen)

    def add(self, square: float, energy: Tensor, band: int) -> None:
        """Takes in a measurement, its energy on the CPU."""
        self.squares[band].append(square)
        self.energy = energy if self.energy is None else self.energy + energy

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


def _leading_directions(gradient: Tensor) -> Tensor:
    """An orthonormal basis [in, k] of about the k strongest right singular directions of a matrix [out, in]."""
    k = min(DIRECTIONS, *gradient.shape)
    start = torch.randn(len(gradient), k, generator=torch.Generator().manual_seed(0)).to(gradient.device)
    basis = torch.linalg.qr(gradient.T @ start)[0]
    refined: Tensor = torch.linalg.qr(gradient.T @ (gradient @ basis))[0]
    return refined


def _variance(values: list[float]) -> float:
    if len(values) < 2:
        return values[0] ** 2  # one draw says nothing about its spread; its own size is the cautious guess
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)
