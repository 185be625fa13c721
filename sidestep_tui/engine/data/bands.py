"""Where on the timestep axis the loss is large, and how often to draw there: adaptive sampling without bias.

The loss-second-moment sampler of improved diffusion (arXiv:2102.09672, section 3.3) on bands instead of single steps:
a band is drawn in proportion to the root mean square of its losses, and its samples weigh by (their law's share) /
(share drawn), so the expected gradient is that of the law itself and only its variance changes. Every draw chooses its
band anew, so it works at any batch size.

Micro-batches are made ahead of the loop, so the shares of step n are those measured after step n - LAG. What is
already promised to the next steps is part of the state, and so of the checkpoint: a resumed run draws the same bands.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sidestep_tui.engine.prefetch import AHEAD

BANDS: Final = 8
"""Each holds an eighth of the law's draws; of turbo's discrete law, one of its eight timesteps."""

LAG: Final = AHEAD + 1
_UNIFORM_PART: Final = 0.25
"""Of all draws. No band starves, and no sample weighs more than 1 / 0.25 of its law's weight."""
_DRAWS_BEFORE_USE: Final = 4
_MEMORY: Final = 50
"""Draws of a band over which its mean square fades: the loss falls while the adapter learns."""

Shares = tuple[float, ...]
UNIFORM: Final[Shares] = (1 / BANDS,) * BANDS


@dataclass(frozen=True, slots=True)
class BandLosses:
    """The mean square of each band's losses, how often it was drawn, and the shares promised to the next LAG steps."""

    mean_squares: tuple[float, ...] = (0.0,) * BANDS
    counts: tuple[int, ...] = (0,) * BANDS
    promised: tuple[Shares, ...] = (UNIFORM,) * LAG

    def after_step(self, bands: Sequence[int], losses: Sequence[float]) -> "BandLosses":
        """The state after a step with these samples; a step that was skipped has none."""
        squares, counts = list(self.mean_squares), list(self.counts)
        for band, loss in zip(bands, losses, strict=True):
            counts[band] += 1
            squares[band] += (loss * loss - squares[band]) / min(counts[band], _MEMORY)
        measured = _shares(squares) if min(counts) >= _DRAWS_BEFORE_USE else UNIFORM
        return BandLosses(tuple(squares), tuple(counts), (*self.promised[1:], measured))

    def shares(self, ahead: int) -> Shares:
        """The share of each band in the draws of the step `ahead` (1 to LAG) steps from here."""
        return self.promised[ahead - 1]


def _shares(mean_squares: Sequence[float]) -> Shares:
    roots = [math.sqrt(value) for value in mean_squares]
    total = math.fsum(roots)
    if total == 0:
        return UNIFORM
    return tuple(_UNIFORM_PART / BANDS + (1 - _UNIFORM_PART) * root / total for root in roots)
