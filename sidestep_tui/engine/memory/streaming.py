"""Frozen blocks that live in host memory and visit the device one by one, for a DiT that is larger than a card.

Nothing is written back: a frozen weight is only read. While a block computes, the next one is copied on a stream of its
own, from pinned memory: upwards in the forward pass, downwards in the backward pass, where recomputation asks for each
block once more. The adapter stays on the device.

The blocks visit two places of memory in turn, and the card itself waits until a place is free. Were each copy memory of
its own, the host, which runs ahead of its card, would have asked for all blocks before the first of them was done.
"""

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from sidestep_tui.told import told

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

_ALIGNMENT: Final = 256  # of a tensor within its block: what kernels ask of a pointer at most
_PAGE: Final = 4096


def stream_frozen_blocks(
    transformer: "AceStepTransformer1DModel", device: torch.device, count: int, warn: Callable[[str], None]
) -> "BlockStream":
    """Leaves the frozen weights of some blocks on the host, and puts everything else on the device.

    Call it when the adapter is on and the blocks have their forward, and before `use_checkpointing`, which must be
    `all`: a block that is not recomputed would keep its weights for its backward pass, when they are gone.

    Args:
        transformer: on the host.
        device: where it computes.
        count: of the blocks, spread evenly so that each has the most time to come; all of them if there are fewer.
        warn: hears of memory that cannot be pinned, so that the host takes part in every copy.
    """
    chosen = spread(count, len(transformer.layers))
    blocks = [_HostBlock(transformer.layers[index]) for index in chosen]
    if device.type == "cuda" and (error := _pin(blocks, device)):
        warn(told("Streamed blocks come slowly: the host's memory cannot be pinned (CUDA error {code}).", code=error))
    streamed = {place.host for block in blocks for place in block.places}
    for module in transformer.modules():
        for parameter in module._parameters.values():
            if parameter is not None and parameter not in streamed:
                parameter.data = parameter.data.to(device)
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else buffer.to(device)
    stream = BlockStream(blocks, device)
    for order, index in enumerate(chosen):
        block = transformer.layers[index]
        block.forward = partial(_visiting, stream, order, block.forward)
    return stream


def spread(count: int, layers: int) -> list[int]:
    """Which of the layers are streamed, `count` of them at even distances, the last one among them."""
    count = min(count, layers)
    return [(order + 1) * layers // count - 1 for order in range(count)]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a frozen weight hangs, a module and the name of its parameter, and where it lies within its block."""

    module: nn.Module
    name: str
    host: nn.Parameter
    start: int

    def within(self, memory: Tensor) -> Tensor:
        """The weight's part of a block's memory (uint8), as what it holds."""
        stop = self.start + self.host.numel() * self.host.element_size()
        return memory[self.start : stop].view(self.host.dtype).view(self.host.shape)


class _HostBlock:
    """The frozen weights of a block, one after another in one piece of host memory."""

    def __init__(self, block: nn.Module) -> None:
        self.places: list[_Place] = []
        size = 0
        for module in block.modules():
            for name, parameter in module._parameters.items():
                if parameter is not None and not parameter.requires_grad:
                    self.places.append(_Place(module, name, parameter, size))
                    size += -(-parameter.numel() * parameter.element_size() // _ALIGNMENT) * _ALIGNMENT
        self.memory = _page_aligned(size)
        self._packed = [place.within(self.memory) for place in self.places]
        for place, packed in zip(self.places, self._packed, strict=True):
            place.host.data = packed.copy_(place.host.data)

    def is_whole(self) -> bool:
        """Whether the weights are those in `memory`, and none is another for a while (`engine/velocity_record.py`)."""
        pairs = zip(self.places, self._packed, strict=True)
        return all(place.host.data_ptr() == packed.data_ptr() for place, packed in pairs)


def _page_aligned(size: int) -> Tensor:
    memory = torch.empty(size + _PAGE, dtype=torch.uint8)
    start = -memory.data_ptr() % _PAGE
    return memory[start : start + size]


def _pin(blocks: Sequence[_HostBlock], device: torch.device) -> int:
    """Pins the blocks' memory where it lies, and gives CUDA's error, 0 where there was none.

    Torch's own pinned memory would be rounded up to a power of two, piece by piece.
    """
    runtime = torch.cuda.cudart()  # type: ignore[no-untyped-call]
    for block in blocks:
        place = block.memory.data_ptr()
        error = int(runtime.cudaHostRegister(place, len(block.memory), 0))
        if error:
            with suppress(RuntimeError):  # takes what the call has left for the next kernel to find
                torch.zeros(1, device=device).add_(1)
            return error
        weakref.finalize(block, _unpin, runtime, place, device).atexit = False
    return 0


def _unpin(runtime: Any, place: int, device: torch.device) -> None:
    torch.cuda.synchronize(device)  # a copy that nobody waits for may still read it
    runtime.cudaHostUnregister(place)


class _Slot:
    """Memory on the device in which one block after another lies."""

    def __init__(self, size: int, device: torch.device) -> None:
        self.memory = torch.empty(size, dtype=torch.uint8, device=device)
        self.holds: int | None = None
        self.arrived: torch.cuda.Event | None = None


class BlockStream:
    """Brings the weights of one block after the other to the device, the next one ahead of time."""

    def __init__(self, blocks: Sequence[_HostBlock], device: torch.device) -> None:
        self._blocks = blocks
        self._device = device
        self._side = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        size = max(len(block.memory) for block in blocks)
        self._slots = [_Slot(size, device) for _ in blocks[:2]]
        if self._side is not None:
            for slot in self._slots:
                slot.memory.record_stream(self._side)  # it is free when no copy writes there any more
        self._last = -1

    @contextmanager
    def visiting(self, index: int) -> Iterator[None]:
        """The weights of a block are in its modules inside, and on the device until another block is visited.

        That is long enough for what autograd keeps of them: the gradients of a recomputed block are asked for before
        the block below it is recomputed.
        """
        block = self._blocks[index]
        weights = self._arrived(index) if block.is_whole() else [p.host.detach().to(self._device) for p in block.places]
        for place, weight in zip(block.places, weights, strict=True):
            place.module._parameters[place.name] = nn.Parameter(weight, requires_grad=False)
        try:
            yield
        finally:
            for place in block.places:
                place.module._parameters[place.name] = place.host

    def _arrived(self, index: int) -> list[Tensor]:
        """The weights of a block, for which the device waits; the block that follows is under way."""
        slot = next((slot for slot in self._slots if slot.holds == index), None)
        if slot is None:
            slot = next(slot for slot in self._slots if slot.holds != self._last)
            self._bring(index, slot)
        following = self._following(index)
        for other in self._slots:
            if other is not slot and other.holds != following != index:
                self._bring(following, other)
        if slot.arrived is not None:
            torch.cuda.current_stream(self._device).wait_event(slot.arrived)
        self._last = index
        return [place.within(slot.memory) for place in self._blocks[index].places]

    def _following(self, index: int) -> int:
        """The block that is probably visited next: a pass without gradients begins anew, one with them turns back."""
        if not torch.is_grad_enabled():
            return (index + 1) % len(self._blocks)
        upwards = index > self._last or index == 0  # below the first there is none
        return min(index + 1, len(self._blocks) - 1) if upwards else index - 1

    def _bring(self, index: int, slot: _Slot) -> None:
        """Starts the copy of a block's weights. It waits for all that was asked of the device until now.

        What is asked of it later uses the other slot, so the copy goes on beside that.
        """
        memory = self._blocks[index].memory
        slot.holds = index
        if self._side is None:
            slot.memory[: len(memory)].copy_(memory)
            return
        self._side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(self._side):
            slot.memory[: len(memory)].copy_(memory, non_blocking=True)
            slot.arrived = self._side.record_event()


def _visiting(stream: BlockStream, index: int, forward: Callable[..., Tensor], *arguments: Any, **named: Any) -> Tensor:
    with stream.visiting(index):
        return forward(*arguments, **named)
