"""The target loss: near it the learning rate is damped, and once the loss has stayed below it the run ends.

The loss of a step is noisy, because its timesteps are; what counts is the mean of the last `target_window` steps or
so. Full rate down to a fifth above the target, then in proportion to the distance, at least a twentieth: the run
arrives at the target slowly instead of falling through it, and a loss that rises again gets its rate back.
"""

from dataclasses import dataclass
from typing import Final

_DAMPED_WITHIN: Final = 0.2
_SMALLEST: Final = 0.05


@dataclass(frozen=True, slots=True)
class TargetState:
    """The smoothed loss, the steps it was made from, and the steps in a row for which it was not above the target."""

    smoothed: float = 0.0
    seen: int = 0
    reached_for: int = 0

    def after_step(self, loss: float, target: float, window: int) -> "TargetState":
        """The state after a step: the plain mean of the first `window` losses, then an exponential one."""
        seen = self.seen + 1
        smoothed = self.smoothed + (loss - self.smoothed) / min(seen, window)
        below = seen >= window and smoothed <= target
        return TargetState(smoothed, seen, self.reached_for + 1 if below else 0)

    def damping(self, target: float, window: int) -> float:
        """What the learning rate is multiplied by, from 1 far above the target to 1/20 at it and below."""
        if self.seen < window:
            return 1.0
        distance = (self.smoothed - target) / target
        return min(1.0, max(_SMALLEST, distance / _DAMPED_WITHIN))

    def ends(self, window: int) -> bool:
        """Whether the loss has stayed at or below the target for a whole window."""
        return self.reached_for >= window
