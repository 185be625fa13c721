"""Several processes on one run: each does its share of a step's micro-batches, gradients are summed, one speaks.

The adapter is small, so its gradients are summed explicitly: two ranks give what one rank gives with twice the
accumulation. Ranks come from torchrun (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), or the engine starts its own
(`engine/processes.py`).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

T = TypeVar("T")

_PATIENCE: Final = timedelta(hours=12)
"""One rank may measure, generate or wait for people while the others wait for it; deaths are seen by other means."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those of the run; `world` 1 means that it is alone and nothing is sent.

    With `sharded` frozen weights (`engine/memory/sharding.py`) every forward pass is a common one.
    """

    rank: int = 0
    world: int = 1
    sharded: bool = False
    store: Store | None = None

    @property
    def speaks(self) -> bool:
        """Whether this is the process that writes events and checkpoints and answers requests."""
        return self.rank == 0

    @property
    def measures(self) -> bool:
        """Whether this process runs the forward passes whose results one process tells, such as validation."""
        return self.speaks or self.sharded

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This rank's part of a step's micro-batches."""
        return items[self.rank :: self.world]

    def padding(self, items: Sequence[T]) -> Sequence[T]:
        """What this rank repeats of a step's micro-batches, without weight, to run as many passes as the others."""
        return (
            items[:1] if self.sharded and len(items) % self.world > 0 and self.rank >= len(items) % self.world else ()
        )

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Replaces every gradient by its sum over the ranks; a rank without a micro-batch adds nothing."""
        if self.world == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        flat = torch.cat([parameter.grad.flatten() for parameter in parameters if parameter.grad is not None])
        dist.all_reduce(flat)
        start = 0
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.grad = flat[start:end].view_as(parameter).clone()
            start = end

    def gather(self, micro_batches: list[list[T]]) -> list[T]:
        """The samples of all ranks' micro-batches, in the order in which the step deals them."""
        parts: list[list[list[T]]] = [micro_batches]
        if self.world > 1:
            parts = [[] for _ in range(self.world)]
            dist.all_gather_object(parts, micro_batches)
        longest = max(map(len, parts))
        dealt = (part[index] for index in range(longest) for part in parts if index < len(part))
        return [sample for batch in dealt for sample in batch]

    def agree_on_memory(self, failure: str | None) -> None:
        """Lets all ranks fail where one has: a rank that tried again alone would leave the others waiting for ever.

        Args:
            failure: what this rank's device said when its memory was full; None when it did its part.

        Raises:
            torch.OutOfMemoryError: on every rank, with the words of the ranks that failed.
        """
        failures = [failure]
        if self.world > 1:
            failures = [None] * self.world
            dist.all_gather_object(failures, failure)
        told = [
            words if self.world == 1 else f"rank {rank} of {self.world}: {words}"
            for rank, words in enumerate(failures)
            if words is not None
        ]
        if told:
            raise torch.OutOfMemoryError("; ".join(told))

    def agree(self, value: T) -> T:
        """The speaking rank's value, on every rank."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process computes: its device, the precision of the frozen weights there, and with whom it works."""

    device: torch.device
    dtype: torch.dtype
    ranks: Ranks


def join_ranks(device: torch.device, *, sharded: bool = False) -> Ranks:
    """Joins the other processes that torchrun or the engine has started; alone where there are none."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks()
    store, rank, world = next(rendezvous("env://", timeout=_PATIENCE))
    # Words travel beside the gradients: agreeing on something does not wait for the card.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank, world_size=world, timeout=_PATIENCE)
    return Ranks(rank, world, sharded, PrefixStore("sidestep", store))
