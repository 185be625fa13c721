"""Frozen blocks that live in host memory and visit the device one by one, for a DiT that is larger than a card.

Nothing is written back: a frozen weight is only read, so its copy on the device is dropped when the block is done.
While a block computes, the next one is copied on a stream of its own, from pinned memory: upwards in the forward pass,
downwards in the backward pass, where recomputation asks for each block once more. The adapter stays on the device.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel


def stream_frozen_blocks(transformer: "AceStepTransformer1DModel", device: torch.device) -> "BlockStream":
    """Leaves the blocks' frozen weights where they are, on the host, and puts everything else on the device.

    Call it when the adapter is on and the blocks have their forward, and before `use_checkpointing`, which must be
    `all`: a block that is not recomputed would keep its weights on the device for its backward pass.
    """
    streamed = {parameter for block in transformer.layers for parameter in block.parameters()}
    streamed = {parameter for parameter in streamed if not parameter.requires_grad}
    for module in transformer.modules():
        for parameter in module._parameters.values():
            if parameter is not None and parameter not in streamed:
                parameter.data = parameter.data.to(device)
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else buffer.to(device)
    stream = BlockStream([_frozen_of(block) for block in transformer.layers], device)
    for index, block in enumerate(transformer.layers):
        block.forward = partial(_visiting, stream, index, block.forward)
    return stream


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a frozen weight hangs: a module and the name of its parameter. `host` is the weight itself."""

    module: nn.Module
    name: str
    host: nn.Parameter


@dataclass(frozen=True, slots=True)
class _Visit:
    """A block's weights on the device, in the order of its places, and what to wait for before they are used."""

    copies: tuple[nn.Parameter, ...]
    arrived: torch.cuda.Event | None


class BlockStream:
    """Brings the weights of one block after the other to the device, the next one ahead of time."""

    def __init__(self, blocks: list[tuple[_Place, ...]], device: torch.device) -> None:
        self._blocks = blocks
        self._device = device
        on_card = device.type == "cuda"
        self._side = torch.cuda.Stream(device) if on_card else None  # type: ignore[no-untyped-call]
        self._ahead: dict[int, _Visit] = {}
        self._last = -1

    @contextmanager
    def visiting(self, index: int) -> Iterator[None]:
        """The block's weights are on the device inside; what autograd keeps of them lives as long as it needs them."""
        visit = self._ahead.pop(index, None)
        self._ahead.clear()  # a guess that did not come true
        places = self._blocks[index]
        if visit is None or any(c.dtype != p.host.dtype for c, p in zip(visit.copies, places, strict=True)):
            visit = self._bring(index)
        self._await(visit)
        upwards = index > self._last or (index == 0 and self._last != 1)  # from 1 to 0 a backward pass ends
        step = 1 if upwards else -1
        self._last = index
        following = min(max(index + step, 0), len(self._blocks) - 1)
        self._ahead[following] = self._bring(following)
        for place, copy in zip(places, visit.copies, strict=True):
            place.module._parameters[place.name] = copy
        try:
            yield
        finally:
            for place in places:
                place.module._parameters[place.name] = place.host

    def _bring(self, index: int) -> _Visit:
        """Starts the copies of a block's weights."""
        if self._side is None:
            return _Visit(tuple(_frozen(place.host.detach().clone()) for place in self._blocks[index]), None)
        copies = []
        with torch.cuda.stream(self._side):
            for place in self._blocks[index]:
                if not place.host.is_pinned():  # at the first visit, and after someone replaced the weight
                    place.host.data = place.host.data.pin_memory()
                copies.append(_frozen(place.host.detach().to(self._device, non_blocking=True)))
            arrived = self._side.record_event()
        return _Visit(tuple(copies), arrived)

    def _await(self, visit: _Visit) -> None:
        """Lets the device's own stream wait for the copies, and keeps their memory until it is done with it."""
        if visit.arrived is None:
            return
        current = torch.cuda.current_stream(self._device)
        current.wait_event(visit.arrived)
        for copy in visit.copies:
            copy.record_stream(current)


def _visiting(stream: BlockStream, index: int, forward: Callable[..., Tensor], *arguments: Any, **named: Any) -> Tensor:
    with stream.visiting(index):
        return forward(*arguments, **named)


def _frozen_of(block: nn.Module) -> tuple[_Place, ...]:
    return tuple(
        _Place(module, name, parameter)
        for module in block.modules()
        for name, parameter in module._parameters.items()
        if parameter is not None and not parameter.requires_grad
    )


def _frozen(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)
