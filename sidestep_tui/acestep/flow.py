"""The training objective of ACE-Step 1.5, piece by piece, as pure functions.

Rectified flow (arXiv:2209.03003): x_t = t*noise + (1-t)*x0, and the model predicts the velocity noise - x0. t = 1 is
noise. The timestep law, the null-condition dropout and the schedules are those of ACE-Step's own code. Every draw is
float32 on the CPU from a generator that the caller derives from the run's seed, so no run hides random state.
"""

import hashlib
from typing import Final

import torch

from sidestep_tui.config.objective import TimestepLaw
from sidestep_tui.config.variants import TIMESTEP_MU, TIMESTEP_SIGMA, VARIANT_SAMPLING

_TURBO: Final = VARIANT_SAMPLING["turbo"]


def seeded_generator(*key: int | str) -> torch.Generator:
    """A CPU generator that is a function of `key`, for example `(seed, "noise", epoch, song)`."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in key)
    digest = hashlib.sha256(text.encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def max_logit_normal(a: torch.Tensor, b: torch.Tensor, mu: float, sigma: float) -> torch.Tensor:
    """ACE-Step's timestep from two standard normal draws: the larger of their sigmoid(sigma*draw + mu)."""
    return torch.sigmoid(torch.maximum(a, b) * sigma + mu)


def sample_timesteps(
    law: TimestepLaw, count: int, generator: torch.Generator, *, mu: float = TIMESTEP_MU, sigma: float = TIMESTEP_SIGMA
) -> torch.Tensor:
    """Timesteps in [0, 1], float32 [count].

    Args:
        law: `model` is the law that the model was trained with (`max_logit_normal`), `logit_normal` a single draw
            (arXiv:2403.03206), `uniform` the unit interval, `turbo` the eight values of the turbo sampler.
        count: how many.
        generator: a CPU generator.
        mu: mean of the normal draws (`model` and `logit_normal`).
        sigma: their deviation.
    """
    if law == "model":
        a, b = torch.randn(2, count, generator=generator)
        return max_logit_normal(a, b, mu, sigma)
    if law == "logit_normal":
        return torch.sigmoid(torch.randn(count, generator=generator) * sigma + mu)
    if law == "uniform":
        return torch.rand(count, generator=generator)
    schedule = inference_schedule(_TURBO.steps, _TURBO.shift)
    return schedule[torch.randint(len(schedule), (count,), generator=generator)]


def timestep_quantile(
    law: TimestepLaw, share: torch.Tensor, *, mu: float = TIMESTEP_MU, sigma: float = TIMESTEP_SIGMA
) -> torch.Tensor:
    """The timesteps below which `share` (float32 [B], 0 to 1) of a law's draws lie: the inverse of its distribution.

    The larger of two draws lies below t when both do, so its distribution is the square of one draw's. `turbo` gives
    the value of the eighth that the share lies in, the smallest first.
    """
    if law == "uniform":
        return share
    if law == "turbo":
        schedule = inference_schedule(_TURBO.steps, _TURBO.shift).flip(0)
        return schedule[(share * _TURBO.steps).long().clamp(max=_TURBO.steps - 1)]
    single = share.sqrt() if law == "model" else share
    return torch.sigmoid(torch.special.ndtri(single) * sigma + mu)


def focus(t: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Maps timesteps from [0, 1] linearly into the band [low, high]."""
    return low + (high - low) * t


def inference_schedule(steps: int, shift: float) -> torch.Tensor:
    """The timesteps at which the sampler calls the model: float32 [steps], from 1 downwards, 0 not included.

    A linear t is warped to shift*t / (1 + (shift-1)*t) (arXiv:2403.03206, eq. 23).
    """
    t = torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float32)[:-1]
    return shift * t / (1 + (shift - 1) * t)


def interpolate(x0: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """x_t = t*noise + (1-t)*x0 for latents [B, T, C] and timesteps [B]."""
    t = t[:, None, None]
    return t * noise + (1 - t) * x0


def velocity_target(x0: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """What the model should predict at every t: noise - x0."""
    return noise - x0


def flow_matching_losses(
    predicted: torch.Tensor, target: torch.Tensor, lengths: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean squared error of each sample over its own frames, float32 [B].

    The mean over samples is the loss of the batch: with unequal lengths it equals the mean of the losses of batches
    of one, whatever the padding holds.

    Args:
        predicted: velocities [B, T, C], any dtype.
        target: [B, T, C].
        lengths: valid frames of each sample, int [B]; None when all T are valid.
    """
    difference = predicted.float() - target.float()
    if lengths is None:
        return difference.square().mean(dim=(1, 2))
    frames, channels = difference.shape[1:]
    lengths = lengths.to(difference.device)
    valid = torch.arange(frames, device=difference.device) < lengths[:, None]
    # `where` before the square, not a product after it: padding may hold anything, and gets a zero gradient.
    difference = torch.where(valid[..., None], difference, 0.0)
    return difference.square().sum(dim=(1, 2)) / (lengths * channels)


def min_snr_weight(t: torch.Tensor, gamma: float) -> torch.Tensor:
    """Minimum-SNR loss weight (arXiv:2303.09556) for a velocity model of rectified flow: min((1-t)^2, gamma*t^2).

    The paper weighs the error of the predicted x0 by min(SNR, gamma) with SNR = ((1-t)/t)^2; the x0 that a velocity
    implies is x_t - t*v, so its squared error is t^2 times that of the velocity.
    """
    return torch.minimum((1 - t).square(), gamma * t.square())


def draw_dropped(count: int, probability: float, generator: torch.Generator) -> torch.Tensor:
    """Which samples lose their condition: bool [count], each True with `probability`."""
    return torch.rand(count, generator=generator) < probability
