"""Sees the weight gradient of frozen linear layers, one matrix at a time, while the backward pass goes by.

Nothing asks for weight gradients, so autograd keeps none. A probed layer computes its own inside the backward pass,
shows it and forgets it. Its input is saved through autograd, so activation checkpointing frees it like any other.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

Observer = Callable[[str, Tensor], None]


class _ProbedLinear(torch.autograd.Function):
    """y = x W^T; in the backward pass the observer is given dL/dW [out, in] in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, name: str, observe: Observer) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.name, ctx.observe = name, observe
        return nn.functional.linear(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None, None]:
        x, weight = ctx.saved_tensors
        (gradient,) = gradients
        ctx.observe(ctx.name, _exact_product(gradient.flatten(0, -2).T, x.flatten(0, -2)))
        return gradient @ weight, None, None, None


def _exact_product(left: Tensor, right: Tensor) -> Tensor:
    """left @ right, summed and given in float32; on CUDA without making float32 copies of the factors."""
    if left.is_cuda and left.dtype == right.dtype != torch.float32:
        return torch.mm(left, right, out_dtype=torch.float32)
    return left.float() @ right.float()


@contextmanager
def probed(module: nn.Module, names: Sequence[str], observe: Observer) -> Iterator[None]:
    """Inside the block, every backward pass shows `observe` the gradient of each named linear layer's weight.

    Args:
        module: the DiT; its parameters must be frozen and its linear layers without bias.
        names: dotted paths of linear layers in it.
        observe: takes a name and a gradient [out, in], float32, which it must not keep.
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
        result: Tensor = _ProbedLinear.apply(x, layer.weight, name, observe)  # type: ignore[no-untyped-call]
        return result

    return forward
