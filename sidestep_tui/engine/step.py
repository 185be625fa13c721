"""Gradients of one optimizer step: all micro-batches, every sample weighing the same, the whole norm clipped."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from sidestep_tui.acestep.flow import seeded_generator
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine.batches import Batch
from sidestep_tui.engine.objective import sample_losses, weighted

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


def accumulate_gradients(
    transformer: "AceStepTransformer1DModel",
    parameters: Sequence[nn.Parameter],
    batches: Sequence[Batch],
    objective: ObjectiveSettings,
    gradient_clip: float,
    dropout_key: tuple[int, int],
) -> tuple[list[float], float]:
    """Leaves the clipped mean gradient in the parameters.

    A micro-batch weighs by its number of samples, so a short one at the end of an epoch counts for what it holds.

    Args:
        transformer: the DiT with its adapter, on its device, in training mode.
        parameters: the adapter's.
        batches: micro-batches on the CPU.
        objective: the weighting of the losses.
        gradient_clip: largest norm of the whole gradient; 0 for none.
        dropout_key: run seed and step, from which an adapter's dropout draws are seeded.

    Returns:
        The unweighted loss of every sample in order, and the gradient's norm before clipping.
    """
    weight = transformer.proj_in_conv.weight
    count = sum(len(batch.keys) for batch in batches)
    collected = []
    for index, batch in enumerate(batches):
        batch = batch.to(weight.device)
        torch.manual_seed(seeded_generator(*dropout_key, "dropout", index).initial_seed())
        with mixed_precision(weight):
            losses = sample_losses(transformer, batch)
        total: torch.Tensor = weighted(losses, batch.t, objective).sum() / count
        total.backward()  # type: ignore[no-untyped-call]
        collected.append(losses.detach())
    norm = nn.utils.clip_grad_norm_(parameters, gradient_clip or math.inf)
    values: list[float] = torch.cat([*collected, norm[None]]).tolist()  # the step's only wait for the device
    return values[:-1], values[-1]


def mixed_precision(weight: torch.Tensor) -> torch.autocast:
    """Frozen weights in bfloat16 meet a float32 adapter in bfloat16 products; float32 weights change nothing."""
    return torch.autocast(weight.device.type, torch.bfloat16, enabled=weight.dtype == torch.bfloat16)
