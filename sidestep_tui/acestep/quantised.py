"""Frozen linear layers whose weights are kept in 8 or 4 bits, and widened only while they are multiplied with.

The blocks' linear layers are nine tenths of the DiT and never trained. What is kept: `int8` and `fp8`, a number of 8
bits for each element and a scale for each output row; `nf4`, 4 bits that name one of sixteen quantiles of the normal
distribution, in blocks of 64 with a scale of 16 (QLoRA, arXiv:2305.14314), by bitsandbytes. Activations and
gradients stay in the precision of the rest; the backward pass widens the weight once more instead of keeping it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from torch.autograd import Function

from sidestep_tui.config.libraries import has_bitsandbytes
from sidestep_tui.config.train import Quantised
from sidestep_tui.errors import SidestepError, first_line

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

Widen = Callable[["QuantisedLinear"], Tensor]

_NF4_BLOCK: Final = 64
_SMALLEST_REACH: Final = 1e-20  # of a row of zeros


def quantise_blocks(
    transformer: "AceStepTransformer1DModel", kind: Quantised, device: torch.device | str | None = None
) -> None:
    """Replaces every linear layer of the blocks by a quantised one; call it before an adapter is on.

    Args:
        kind: how they are kept.
        device: where each weight goes to be quantised, one at a time; None leaves it where it is. All else stays.

    Raises:
        SidestepError: the library that it needs is not installed, or does not work there.
    """
    if kind == "nf4" and not has_bitsandbytes():
        raise SidestepError(
            "4-bit weights need bitsandbytes, which is not installed.",
            where="memory.weights",
            fix='pip install "sidestep-tui[8bit]", or set memory.weights to int8',
        )
    if kind == "nf4":
        like = transformer.proj_in_conv.weight
        _try_nf4(device or like.device, like.dtype)
    for block in transformer.layers:
        for name, module in list(block.named_modules()):
            if type(module) is nn.Linear and [part for part, _ in module.named_parameters()] == ["weight"]:
                owner, _, leaf = name.rpartition(".")
                setattr(block.get_submodule(owner), leaf, QuantisedLinear(module, kind, device))


def _try_nf4(device: torch.device | str, dtype: torch.dtype) -> None:
    """A weight of this kind there and back: bitsandbytes says only then that it was built for another CUDA."""
    layer = nn.Linear(_NF4_BLOCK, 1, bias=False, device=device, dtype=dtype)
    try:
        _ = QuantisedLinear(layer, "nf4").weight
    except torch.OutOfMemoryError:
        raise
    except (ImportError, OSError, RuntimeError) as error:
        raise SidestepError(
            f"4-bit weights need a bitsandbytes that works here: {first_line(error).rstrip('.')}.",
            where="memory.weights",
            fix='pip install --upgrade "sidestep-tui[8bit]", or set memory.weights to int8',
        ) from error


def is_quantised(module: nn.Module) -> bool:
    """Whether a linear layer inside keeps its weight quantised."""
    return any(isinstance(part, QuantisedLinear) for part in module.modules())


class QuantisedLinear(nn.Linear):
    """A frozen linear layer without bias, whose `weight` is made anew at every reading. `dtype` is the weight's."""

    def __init__(self, layer: nn.Linear, kind: Quantised, device: torch.device | str | None = None) -> None:
        nn.Module.__init__(self)  # nn.Linear's own would make a weight
        self.in_features, self.out_features = layer.in_features, layer.out_features
        weight = layer.weight.detach()
        self.dtype = weight.dtype
        self._widen = _PACKERS[kind](self, weight if device is None else weight.to(device))
        self.register_parameter("bias", None)

    @property
    def weight(self) -> Tensor:  # type: ignore[override]
        """The weight as the layer means it, [out, in] in the precision that it had."""
        with torch.no_grad():
            return self._widen(self)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Linear's own name
        """x W^T, [..., in] to [..., out]."""
        result: Tensor = _FrozenProduct.apply(input, self)  # type: ignore[no-untyped-call]
        return result


class _FrozenProduct(Function):
    """The product with a frozen weight: going back needs no activation, and makes the weight again."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: QuantisedLinear) -> Tensor:
        ctx.layer = layer
        weight = layer.weight
        return x.to(weight.dtype) @ weight.T

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight = ctx.layer.weight
        return gradients[0].to(weight.dtype) @ weight, None


def _pack_rows(layer: QuantisedLinear, weight: Tensor, largest: float, dtype: torch.dtype) -> Widen:
    """Each row over its largest element; the scale is rounded to the weight's precision before it is divided by."""
    reach = weight.float().abs().amax(dim=1, keepdim=True).clamp_min(_SMALLEST_REACH)
    scale = (reach / largest).to(weight.dtype)
    scaled = (weight.float() / scale.float()).clamp(-largest, largest)
    layer.register_buffer("packed", (scaled if dtype.is_floating_point else scaled.round()).to(dtype))
    layer.register_buffer("scale", scale)
    return _widen_rows


def _widen_rows(layer: QuantisedLinear) -> Tensor:
    return layer.get_buffer("packed").to(layer.dtype).mul_(layer.get_buffer("scale"))


def _pack_int8(layer: QuantisedLinear, weight: Tensor) -> Widen:
    return _pack_rows(layer, weight, 127.0, torch.int8)


def _pack_fp8(layer: QuantisedLinear, weight: Tensor) -> Widen:
    return _pack_rows(layer, weight, torch.finfo(torch.float8_e4m3fn).max, torch.float8_e4m3fn)


def _pack_nf4(layer: QuantisedLinear, weight: Tensor) -> Widen:
    from bitsandbytes.functional import quantize_4bit

    packed, state = quantize_4bit(weight.contiguous(), blocksize=_NF4_BLOCK, quant_type="nf4")
    layer.register_buffer("packed", packed)
    layer.register_buffer("scale", state.absmax.bfloat16())  # where QLoRA takes 8 bits and a second scale
    layer.register_buffer("quantiles", state.code)
    return _widen_nf4


def _widen_nf4(layer: QuantisedLinear) -> Tensor:
    from bitsandbytes.functional import QuantState, dequantize_4bit

    state = QuantState(
        absmax=layer.get_buffer("scale").float(),
        shape=torch.Size((layer.out_features, layer.in_features)),
        code=layer.get_buffer("quantiles"),
        blocksize=_NF4_BLOCK,
        quant_type="nf4",
        dtype=layer.dtype,
    )
    wide: Tensor = dequantize_4bit(layer.get_buffer("packed"), state)
    return wide


_PACKERS: Final[dict[Quantised, Callable[[QuantisedLinear, Tensor], Widen]]] = {
    "int8": _pack_int8,
    "fp8": _pack_fp8,
    "nf4": _pack_nf4,
}
