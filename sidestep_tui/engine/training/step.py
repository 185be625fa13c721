"""Gradients of one optimizer step: all micro-batches, every sample weighing the same, the whole norm clipped."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import nn

from sidestep_tui.acestep.compiled import FAILURES, CompiledBlocks
from sidestep_tui.acestep.flow import seeded_generator
from sidestep_tui.acestep.full_memory import told_as_full
from sidestep_tui.acestep.precisions import mixed_precision
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine.data.batches import Batch
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.training.objective import sample_losses, weighted
from sidestep_tui.errors import SidestepError

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


@dataclass(frozen=True, slots=True)
class StepShare:
    """One rank's part of a step of `samples` samples; `numbers` are its micro-batches' places in the step.

    `padding` are passes without weight, so that all ranks run the same number of them (`Ranks.padding`).
    """

    batches: tuple[Batch, ...]
    numbers: tuple[int, ...]
    samples: int
    padding: tuple[Batch, ...] = ()


class Passes(Protocol):
    """How a micro-batch goes through the model and back."""

    def __call__(self, batch: Batch, samples: float | torch.Tensor) -> torch.Tensor:
        """Adds the gradient of the weighted losses' sum over `samples` to the adapter's parameters.

        Args:
            batch: on any device.
            samples: how many the whole step has, a number or a scalar; infinite, and the gradients are zeros.

        Returns:
            The unweighted losses, [B], on the model's device.
        """


def accumulate_gradients(
    passes: Passes,
    parameters: Sequence[nn.Parameter],
    share: StepShare,
    gradient_clip: float,
    dropout_key: tuple[int, int],
    ranks: Ranks,
    further: Callable[[], object] = lambda: None,
    compiled: CompiledBlocks | None = None,
) -> tuple[list[float], float]:
    """Leaves the clipped mean gradient of the whole step in the parameters.

    A micro-batch weighs by its number of samples, so a short one at the end of an epoch counts for what it holds.

    Args:
        passes: through the DiT with its adapter.
        parameters: the adapter's.
        share: this rank's micro-batches.
        gradient_clip: largest norm of the whole gradient; 0 for none.
        dropout_key: run seed and step, from which an adapter's dropout draws are seeded.
        ranks: with whom the step is shared.
        further: adds gradients that are no sample's, after those of the samples: what comes first is not beside
            gradients in memory, and the samples are mostly longer.
        compiled: what runs the model's blocks, where they are compiled: if they fail, all passes are done once more.

    Returns:
        The unweighted loss of every sample of the step in order, and the gradient's norm before clipping.

    Raises:
        torch.OutOfMemoryError: a rank's memory did not suffice; on all ranks, before anything is summed.
        SidestepError: this rank's did not suffice with sharded weights.
    """
    collected: list[torch.Tensor] = []
    failure = None
    try:
        with told_as_full():
            collected = _passed(passes, parameters, share, dropout_key, further, compiled)
    except torch.OutOfMemoryError as error:
        failure = str(error)  # the words alone: the error itself would keep the activations that filled the memory
    if failure is not None and ranks.sharded:
        raise sharded_out_of_memory(ranks, failure)
    ranks.agree_on_memory(failure)
    ranks.sum_gradients(parameters)
    norm = nn.utils.clip_grad_norm_(parameters, gradient_clip or math.inf)
    values = torch.cat([*collected, norm[None]]).cpu()  # the step's only wait for the device
    losses = [part.tolist() for part in torch.split(values[:-1], [len(part) for part in collected])]
    return ranks.gather(losses), values[-1].item()


def plain_passes(transformer: "AceStepTransformer1DModel", objective: ObjectiveSettings) -> Passes:
    """Passes operation by operation.

    Args:
        transformer: the DiT with its adapter, on its device, in training mode.
        objective: the weighting of the losses.
    """
    device = transformer.proj_in_conv.weight.device

    def run(batch: Batch, samples: float | torch.Tensor) -> torch.Tensor:
        batch = batch.to(device)
        with mixed_precision(transformer):
            losses = sample_losses(transformer, batch)
        terms = weighted(losses, batch.t, objective) * batch.importance
        total: torch.Tensor = terms.sum() / samples
        total.backward()  # type: ignore[no-untyped-call]
        return losses.detach()

    return run


def _passed(
    passes: Passes,
    parameters: Sequence[nn.Parameter],
    share: StepShare,
    dropout_key: tuple[int, int],
    further: Callable[[], object],
    compiled: CompiledBlocks | None,
) -> list[torch.Tensor]:
    """All passes of the step; once more where compiled blocks have failed on the way back, as they were written.

    So they have where one that is recomputed failed, and left others that were compiled to be recomputed otherwise.
    Nobody has heard of the gradients yet, and all draws are made again or come with the batches.
    """
    was_compiled = compiled is not None and compiled.at_work
    try:
        collected = _backward(passes, share, dropout_key)
        further()
        return collected
    except FAILURES as error:
        if compiled is None or not was_compiled:
            raise
        compiled.failed_with(error)
    for parameter in parameters:
        parameter.grad = None
    return _passed(passes, parameters, share, dropout_key, further, None)


def _backward(passes: Passes, share: StepShare, dropout_key: tuple[int, int]) -> list[torch.Tensor]:
    """Adds the gradients of this rank's micro-batches to the parameters; gives their losses, [B] each."""
    collected = []
    for number, batch in zip(share.numbers, share.batches, strict=True):
        torch.manual_seed(seeded_generator(*dropout_key, "dropout", number).initial_seed())
        collected.append(passes(batch, share.samples))
    for batch in share.padding:
        passes(batch, math.inf)
    return collected


def sharded_out_of_memory(ranks: Ranks, failure: str) -> SidestepError:
    """The end of a run whose weights are sharded: the other ranks wait inside a pass, so none can try again."""
    return SidestepError(
        f"The memory of rank {ranks.rank} of {ranks.world} does not suffice: {failure.split('. ')[0]}.",
        where="memory",
        fix="memory.checkpointing all; or a smaller training.batch_size or data.crop_seconds; or more cards",
    )
