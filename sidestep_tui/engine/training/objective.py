"""The loss of a micro-batch: what the DiT should have said about the velocity, and how far off it was."""

from typing import TYPE_CHECKING

from torch import Tensor

from sidestep_tui.acestep.flow import flow_matching_losses, interpolate, min_snr_weight, velocity_target
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine.data.batches import Batch

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


def sample_losses(transformer: "AceStepTransformer1DModel", batch: Batch) -> Tensor:
    """The unweighted flow-matching loss of every sample, float32 [B], each over its own frames."""
    predicted = velocity(
        transformer,
        interpolate(batch.x0, batch.noise, batch.t),
        batch.t,
        batch.condition,
        batch.context,
        batch.lengths,
        batch.condition_lengths,
    )
    return flow_matching_losses(predicted, velocity_target(batch.x0, batch.noise), batch.lengths)


def weighted(losses: Tensor, t: Tensor, settings: ObjectiveSettings) -> Tensor:
    """The losses with the weights that the objective gives their timesteps, [B]."""
    if settings.weighting == "flat":
        return losses
    return losses * min_snr_weight(t, settings.min_snr_gamma)
