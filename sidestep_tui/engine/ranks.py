"""Several processes on one run: each does its share of a step's micro-batches, gradients are summed, one speaks.

The adapter is small, so its gradients are summed explicitly: two ranks give what one rank gives with twice the
accumulation. Ranks come from torchrun (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT), or the engine starts its own.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those of the run; `world` 1 means that it is alone and nothing is sent."""

    rank: int = 0
    world: int = 1

    @property
    def speaks(self) -> bool:
        """Whether this is the process that writes events and checkpoints and answers requests."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This rank's part of a step's micro-batches."""
        return items[self.rank :: self.world]

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


def join_ranks(device: torch.device) -> Ranks:
    """Joins the other processes that torchrun or `start_others` made; alone where there are none."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Ranks()
    # Words travel beside the gradients: agreeing on something does not wait for the card.
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    return Ranks(dist.get_rank(), world)


def start_others(run: Path, processes: int) -> list[subprocess.Popen[bytes]]:
    """Makes this process rank 0 of `processes` and starts the others; they end when it does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    os.environ.update(shared, RANK="0", LOCAL_RANK="0")
    return [
        subprocess.Popen(
            [sys.executable, "-m", "sidestep_tui.engine", str(run)],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(1, processes)
    ]
