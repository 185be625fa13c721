"""LoRA layers that do less work and keep less: y = x (W + s B A)^T as one function of x, A and B.

PEFT computes x W^T + s (x A^T) B^T operation by operation; autograd then keeps a float32 copy of x and the low-rank
activations for every layer. Here only x is kept, in its own precision.

In float32 the update is merged into the weight before the product. That costs a few percent of one product and saves
the two thin ones. Below float32 a merged weight would round small updates away, so the two paths stay apart.
"""

from typing import Any

import torch
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import Tensor, nn
from torch.autograd import Function

from sidestep_tui.acestep.products import gives_float32, product
from sidestep_tui.acestep.quantised import QuantisedLinear


def use_fast_lora(transformer: nn.Module) -> int:
    """Gives every LoRA layer of PEFT that this module understands its faster forward; returns how many.

    Layers that it does not understand (DoRA and other variants, biased weights) stay PEFT's own. What can
    change later (dropout, merging, switching off, several adapters) is asked at every call.
    """
    layers = [module for module in transformer.modules() if _is_plain(module)]
    for layer in layers:
        layer.__class__ = FastLoraLinear  # and no forward of its own: a compiled block serves all layers of one kind
    return len(layers)


def lora_linear(x: Tensor, weight: Tensor | QuantisedLinear, lora_a: Tensor, lora_b: Tensor, scale: float) -> Tensor:
    """x (W + s B A)^T in the precision of the weight.

    Args:
        x: [..., in].
        weight: frozen, [out, in], or the layer that can make it.
        lora_a: [rank, in], any precision; its gradient comes in the same.
        lora_b: [out, rank], likewise.
        scale: s.
    """
    function = _MergedLora if weight.dtype == torch.float32 else _SplitLora
    result: Tensor = function.apply(x, weight, lora_a, lora_b, scale)  # type: ignore[no-untyped-call]
    return result


class FastLoraLinear(LoraLinear):  # type: ignore[misc]
    """PEFT's LoRA layer, with its own way for whatever is not one live adapter without dropout."""

    def forward(self, x: Tensor, *arguments: Any, **named: Any) -> Tensor:
        """The layer's output, [..., in] to [..., out]."""
        active = [name for name in self.active_adapters if name in self.lora_A]
        simple = not (self.merged or self.disable_adapters or arguments or named) and len(active) == 1
        if not simple or (self.training and not isinstance(self.lora_dropout[active[0]], nn.Identity)):
            result: Tensor = super().forward(x, *arguments, **named)
            return result
        name, base = active[0], self.base_layer
        weight = base if isinstance(base, QuantisedLinear) else base.weight
        return lora_linear(x, weight, self.lora_A[name].weight, self.lora_B[name].weight, self.scaling[name])


def _is_plain(module: Any) -> bool:
    return (
        type(module) is LoraLinear
        and type(module.base_layer) in (nn.Linear, QuantisedLinear)
        and module.base_layer.bias is None
        and not module.lora_variant
        and not any(module.lora_bias.values())
    )


def _keep(ctx: Any, x: Tensor, weight: Tensor | QuantisedLinear, lora_a: Tensor, lora_b: Tensor, scale: float) -> None:
    """What going back needs; a quantised weight is made again then."""
    ctx.layer = weight if isinstance(weight, QuantisedLinear) else None
    ctx.save_for_backward(x, None if ctx.layer is not None else weight, lora_a, lora_b)
    ctx.scale = scale


def _kept(ctx: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    x, weight, lora_a, lora_b = ctx.saved_tensors
    return x, weight if ctx.layer is None else ctx.layer.weight, lora_a, lora_b


def _wide(weight: Tensor | QuantisedLinear) -> Tensor:
    return weight.weight if isinstance(weight, QuantisedLinear) else weight


class _MergedLora(Function):
    """float32: one product forward, one for the gradient of x, and for A and B whichever way has fewer operations."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | QuantisedLinear, lora_a: Tensor, lora_b: Tensor, scale: float
    ) -> Tensor:
        _keep(ctx, x, weight, lora_a, lora_b, scale)
        result = product(_flat(x), _merged(_wide(weight), lora_a, lora_b, scale))
        return result.reshape(*x.shape[:-1], len(lora_b))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, lora_a, lora_b = _kept(ctx)
        shape, x, gradient = x.shape, _flat(x), _flat(gradients[0])
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = product(gradient, _merged(weight, lora_a, lora_b, ctx.scale).T).reshape(shape)
        if weight.numel() <= 2 * (lora_a.numel() + lora_b.numel()):
            of_update = product(gradient.T, x.T).mul_(ctx.scale)
            return of_x, None, product(lora_b.T, of_update.T), product(of_update, lora_a), None
        low, low_gradient = product(x, lora_a), product(gradient, lora_b.T)
        return of_x, None, *_of_factors(gradient, low_gradient, x, low, ctx.scale), None


def _merged(weight: Tensor, lora_a: Tensor, lora_b: Tensor, scale: float) -> Tensor:
    """W + s B A, [out, in]."""
    update = product(lora_b, lora_a.T)
    if torch.compiler.is_compiling():  # which makes one product of both, and forgets alpha (torch 2.11, 2.13)
        return weight + scale * update
    return torch.add(weight, update, alpha=scale, out=update)


class _SplitLora(Function):
    """Any precision: PEFT's arithmetic. Kept are x, A and B in the weight's precision, nothing of the output's size."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | QuantisedLinear, lora_a: Tensor, lora_b: Tensor, scale: float
    ) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            x, a, b = (each.to(weight.dtype) for each in (x, lora_a, lora_b))
            _keep(ctx, x, weight, a, b, scale)
            ctx.dtype = lora_a.dtype
            flat = _flat(x)
            result = (flat @ _wide(weight).T).addmm_(flat @ a.T, b.T, alpha=scale)
            return result.reshape(*x.shape[:-1], len(b))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, a, b = _kept(ctx)
        shape, x, gradient = x.shape, _flat(x), _flat(gradients[0].to(x.dtype))
        low = gradient @ b
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (gradient @ weight).addmm_(low, a, alpha=ctx.scale).reshape(shape)
        of_a = _scaled(low.T, x, ctx.scale, ctx.dtype)
        of_b = _scaled(gradient.T, x @ a.T, ctx.scale, ctx.dtype)
        return of_x, None, of_a, of_b, None


def _flat(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1])


def _scaled(left: Tensor, right: Tensor, scale: float, dtype: torch.dtype) -> Tensor:
    """s left right in a precision, with one rounding and in one pass; the first argument counts for nothing."""
    compiled = torch.compiler.is_compiling()  # which cannot lower such a product
    if left.dtype != dtype == torch.float32 and not compiled and gives_float32(left.device):
        return torch.addmm(left.new_empty(1), left, right, out_dtype=dtype, beta=0, alpha=scale)
    return torch.addmm(left.new_empty(1), left, right, beta=0, alpha=scale).to(dtype)


def _of_factors(
    gradient: Tensor, low_gradient: Tensor, x: Tensor, low_x: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """Gradients of A and B from those of the output [n, out] and of the low-rank activations [n, rank]."""
    return product(low_gradient.T, x.T).mul_(scale), product(gradient.T, low_x.T).mul_(scale)
