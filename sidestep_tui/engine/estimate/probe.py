"""Sees the weight gradient of frozen linear layers by its factors, while the backward pass goes by.

Nothing asks for weight gradients, so autograd keeps none. The gradient of W in y = x W^T is G^T A, with the outputs'
gradient G [N, out] and the inputs A [N, in]; both exist in the backward pass anyway, and the observer is shown them.
The input is saved through autograd, so activation checkpointing frees it like any other, and before the product, so
that recomputation still ends where nothing more is needed (a block's last product is never repeated).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

Observer = Callable[[str, Tensor, Tensor], None]


class _Tap(torch.autograd.Function):
    """The identity on a layer's input; in the backward pass it shows the observer G [N, out] and A [N, in]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, name: str, observe: Observer, arrived: list[Tensor]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.name, ctx.observe, ctx.arrived = name, observe, arrived
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None, None]:
        (x,) = ctx.saved_tensors
        ctx.observe(ctx.name, ctx.arrived.pop().flatten(0, -2), x.flatten(0, -2))
        return gradients[0], None, None, None


@contextmanager
def probed(module: nn.Module, names: Sequence[str], observe: Observer) -> Iterator[None]:
    """Inside the block, every backward pass shows `observe` the two factors of each named layer's weight gradient.

    Args:
        module: the DiT; its parameters must be frozen and its linear layers without bias.
        names: dotted paths of linear layers in it.
        observe: takes a name, the outputs' gradient [N, out] and the inputs [N, in], in the dtypes of the pass.
    """
    layers = {name: _linear(module, name) for name in names}
    for name, layer in layers.items():
        vars(layer)["forward"] = _bound(layer, name, observe)  # shadows the method of its class
    try:
        yield
    finally:
        for layer in layers.values():
            del vars(layer)["forward"]


def _linear(module: nn.Module, name: str) -> nn.Linear:
    layer = module.get_submodule(name)
    if not isinstance(layer, nn.Linear) or "bias" in dict(layer.named_parameters()):
        raise TypeError(f"{name} is no linear layer without bias")
    return layer


def _bound(layer: nn.Linear, name: str, observe: Observer) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        arrived: list[Tensor] = []
        tapped: Tensor = _Tap.apply(x, name, observe, arrived)  # type: ignore[no-untyped-call]
        result = nn.functional.linear(tapped, layer.weight)
        if result.requires_grad:
            result.register_hook(arrived.append)  # type: ignore[no-untyped-call]
        return result

    return forward
