"""What to say when the card's memory does not suffice: what was being done, and what would save most."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.config.dit_shape import DitShape
from sidestep_tui.config.memory.advice import Change, largest_savings
from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.memory.load import Load
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.data.batches import Batch
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.errors import SidestepError
from sidestep_tui.told import told

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


class MemoryFullError(SidestepError):
    """The memory of the device does not suffice for a step."""


def out_of_memory(
    settings: TrainSettings,
    transformer: "AceStepTransformer1DModel",
    device: torch.device,
    batches: Sequence[Batch],
    ranks: Ranks,
    error: Exception,
) -> MemoryFullError:
    """The failure, with the settings that save most first and how much each of them saves.

    All ranks call this together: the longest song of the step may lie on any of them.

    Args:
        settings: the run's.
        transformer: whose sizes the estimate is made for.
        device: whose memory is full; the settings may leave it open.
        batches: this rank's micro-batches of the step.
        ranks: with whom the step is shared.
        error: what the device said.
    """
    sizes = ranks.gather([[(batch.x0.shape[1], batch.condition.shape[1])] for batch in batches])
    load = Load(*(max(column) for column in zip(*sizes, strict=True)))
    shape = DitShape.from_config(transformer.config)
    here = settings.model_copy(update={"model": settings.model.model_copy(update={"device": str(device)})})
    advice = [_advice(*saving) for saving in largest_savings(here, shape, load)]
    if (others := _others(device)) > GIB:
        held = told(f"wait until other processes (`nvidia-smi` names them) let go of their {others / GIB:.1f} GiB")
        advice.insert(0, held)
    return MemoryFullError(
        f"The device's memory does not suffice for {load.frames / LATENT_RATE:.0f} s of song in a batch of "
        f"{settings.training.batch_size}: {str(error).split('. ')[0]}.",
        where="memory",
        fix="; or ".join(advice) or "nothing in the settings saves more: take a smaller model or a larger card",
    )


def _others(device: torch.device) -> int:
    """Bytes of a card that other processes hold, and what CUDA itself takes in this one, about half a GiB."""
    if device.type != "cuda":
        return 0
    free, total = torch.cuda.mem_get_info(device)
    return total - free - torch.cuda.memory_reserved(device)


def _advice(change: Change, saved: int) -> str:
    values = ", ".join(f"{path} {_word(value)}" for path, value in change.values.items())
    return told(f"{values} (saves about {saved / GIB:.2g} GiB: {change.cost})")


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
