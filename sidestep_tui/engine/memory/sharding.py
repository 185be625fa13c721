"""Frozen weights cut over the cards, for a DiT that does not fit on one of them (FSDP, arXiv:2304.11277).

Only what is frozen is cut (torch's FSDP2, block by block): a block's weights are gathered when it is their turn and
dropped behind it, forward and backward. The adapter is small: it stays whole on every card and its gradients are summed
as without sharding, so optimizers, averages and checkpoints know nothing of it, and an adapter trained this way is
bit for bit of the same form.
"""

from typing import TYPE_CHECKING

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.errors import UsageError

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


def shard_frozen_weights(transformer: "AceStepTransformer1DModel", device: torch.device, ranks: Ranks) -> None:
    """Cuts the frozen weights of every block over all ranks and puts the rest on the device.

    Every forward pass is a common one from here on: all ranks must run the same number of them.

    Args:
        transformer: the DiT on the CPU, its adapter injected; one block at a time visits the device whole.
        device: this rank's.
        ranks: at least two.

    Raises:
        UsageError: there is one process alone.
    """
    if ranks.world == 1:
        raise UsageError(
            "One process alone has nobody to share the weights with.",
            where="training.sharding",
            fix="give --gpus 2 or more, or leave training.sharding at none",
        )
    mesh = init_device_mesh(device.type, (ranks.world,))
    for block in transformer.layers:
        adapter = {parameter for parameter in block.parameters() if parameter.requires_grad}
        fully_shard(block, mesh=mesh, reshard_after_forward=True, ignored_params=adapter)
    transformer.to(device)
