"""The element-wise parts of a DiT block as few passes over memory, with what is cheap computed again going back.

Each function equals the chain of operations in diffusers; only the activation gets a gradient, since norm weights and
modulation are frozen in every adapter run. None ends its way forward in place, or with a conversion that changes
nothing, while it is compiled: torch 2.11 would give it no gradient.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function


def rms_norm(x: Tensor, weight: Tensor, eps: float, shift: Tensor | None = None) -> Tensor:
    """x / rms(x) * weight + shift over the last dimension (arXiv:1910.07467), in float32 inside, in x's dtype outside.

    Args:
        x: [..., D].
        weight: broadcastable to x; AdaLN's (1 + scale) may be multiplied into it.
        eps: added to the mean square.
        shift: broadcastable to x.
    """
    if x.is_cuda:
        return _by_fused_kernel(x, weight, eps, shift)
    result: Tensor = _RmsNorm.apply(x, weight, eps, shift)  # type: ignore[no-untyped-call]
    return result


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up (arXiv:2002.05202); keeps the two inputs and not their silu."""
    result: Tensor = _SwiGlu.apply(gate, up)  # type: ignore[no-untyped-call]
    return result


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions (arXiv:2104.09864) in Qwen3's layout, halves instead of pairs; keeps no activation.

    Args:
        x: [B, S, heads, d].
        cos: [S, d], its two halves equal.
        sin: [S, d], likewise.
    """
    half = x.shape[-1] // 2
    result: Tensor = _Rotate.apply(x, cos[:, None, :half], sin[:, None, :half])  # type: ignore[no-untyped-call]
    return result


def _by_fused_kernel(x: Tensor, weight: Tensor, eps: float, shift: Tensor | None) -> Tensor:
    """What torch does on a card in one kernel, forward and backward; its weight must be the same for all rows."""
    with torch.autocast(x.device.type, enabled=False):  # which would make float32 of it
        if weight.numel() == x.shape[-1]:
            normed = F.rms_norm(x, x.shape[-1:], weight.reshape(-1).to(x.dtype), eps)
            return normed if shift is None else normed + shift
        normed = F.rms_norm(x, x.shape[-1:], None, eps)
        return normed * weight if shift is None else torch.addcmul(shift, normed, weight)


def row_major(x: Tensor) -> Tensor:
    """x, and its gradient too, one row after the other in memory."""
    result: Tensor = _RowMajor.apply(x)  # type: ignore[no-untyped-call]
    return result


class _RowMajor(Function):
    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.contiguous()

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].contiguous()


class _RmsNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, shift: Tensor | None) -> Tensor:
        exact = x.float()
        scale = (torch.linalg.vecdot(exact, exact)[..., None] / x.shape[-1] + eps).rsqrt()
        ctx.save_for_backward(x, scale, weight)
        normed = exact * scale
        weighted = _times(normed, weight) if shift is None else torch.addcmul(shift.float(), normed, weight.float())
        return weighted if x.dtype == torch.float32 else weighted.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, weight = ctx.saved_tensors
        gradient = gradients[0].float() * weight
        exact = x.float()
        along = torch.linalg.vecdot(gradient, exact)[..., None].mul_(scale * scale).div_(-x.shape[-1])
        return gradient.addcmul_(exact, along).mul_(scale).to(x.dtype), None, None, None


class _SwiGlu(Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return _times(F.silu(gate), up)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        gate, up = ctx.saved_tensors
        (gradient,) = gradients
        return torch.ops.aten.silu_backward(gradient * up, gate), F.silu(gate).mul_(gradient)


class _Rotate(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return _turned(gradients[0], cos, sin, -1), None, None


def _times(x: Tensor, factor: Tensor) -> Tensor:
    """x times a factor; x is used up."""
    return x * factor if torch.compiler.is_compiling() else x.mul_(factor)


def _turned(x: Tensor, cos: Tensor, sin: Tensor, way: int) -> Tensor:
    """The halves of x turned; `way` is 1, or -1 for back."""
    first, second = x.chunk(2, dim=-1)
    if torch.compiler.is_compiling():  # it plans its own memory, and refuses to write into halves
        return torch.cat([first * cos - way * second * sin, second * cos + way * first * sin], dim=-1)
    turned = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    one, two = turned.chunk(2, dim=-1)
    torch.mul(first, cos, out=one).addcmul_(second, sin, value=-way)
    torch.mul(second, cos, out=two).addcmul_(first, sin, value=way)
    return turned
