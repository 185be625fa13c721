"""Matrix products of float32 on a CPU by whichever of torch's two libraries uses the whole processor.

torch asks MKL, which leaves AVX-512 alone on processors that are not Intel's: 97 GFLOP/s on one thread of an EPYC
where oneDNN, which torch carries too, reaches 220 (docs/benchmarks.md). Which one is asked depends on the machine
alone, never on a clock, so a run that is continued computes the same bits.
"""

from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

_CPU_INFO = Path("/proc/cpuinfo")


def onednn_is_faster() -> bool:
    """Whether this is an AMD processor with AVX-512, and both libraries are there."""
    libraries = (torch.backends.mkl, torch.backends.mkldnn)
    if not all(library.is_available() for library in libraries):
        return False
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    return _CPU_INFO.is_file() and "AuthenticAMD" in _CPU_INFO.read_text(encoding="utf-8", errors="replace")


ASK_ONEDNN = onednn_is_faster()


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b, [n, in] and [out, in] to [n, out]; no gradient goes through it.

    Args:
        x: of any precision, on any device.
        weight: of the same precision, on the same device.
        bias: [out], added to every row.
    """
    if x.device.type != "cpu" or not x.dtype == weight.dtype == torch.float32 or not ASK_ONEDNN:
        return F.linear(x, weight, bias)
    if not (_is_whole(x) and _is_whole(weight)):
        return F.linear(x, weight, bias)
    if bias is None and not x.is_contiguous() and (weight.is_contiguous() or weight.shape[0] < x.shape[0]):
        return product(weight, x).T  # oneDNN copies an x that does not lie row by row: that side should be small
    return _opaque(x, weight, bias) if torch.compiler.is_compiling() else _by_onednn(x, weight, bias)


@cache
def gives_float32(device: torch.device) -> bool:
    """Whether products of half precision may be asked for in float32 there: of cuBLAS, on cards since Ampere."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def _frozen_linear(x: Tensor, weight: Tensor) -> Tensor:
    """x W^T for activations [..., in] and a weight [out, in] that gets no gradient."""
    result: Tensor = _FrozenLinear.apply(x.reshape(-1, x.shape[-1]), weight)  # type: ignore[no-untyped-call]
    return result.reshape(*x.shape[:-1], weight.shape[0])


def use_fast_linear(module: nn.Module) -> None:
    """Gives the frozen linear layers inside, which carry no adapter of our own, the faster product."""
    if not ASK_ONEDNN:
        return
    for layer in module.modules():
        if type(layer) is nn.Linear and [name for name, _ in layer.named_parameters()] == ["weight"]:
            layer.__class__ = _FastLinear


class _FastLinear(nn.Linear):
    """A linear layer without bias, whose weight may be replaced, widened or asked for gradients at any time."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Linear's own name
        """x W^T, [..., in] to [..., out]."""
        if self.weight.requires_grad or input.dtype != torch.float32 or torch.is_autocast_enabled(input.device.type):
            return F.linear(input, self.weight)
        return _frozen_linear(input, self.weight)


class _FrozenLinear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return product(x, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        return product(gradients[0], weight.T), None


def _by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return result


@torch.library.custom_op("sidestep::product", mutates_args=())
def _opaque(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """For compiled code, which has its own idea of what this operation of oneDNN's may be given."""
    return _by_onednn(x, weight, bias)


@_opaque.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ARG001 - as the operation is called
    return x.new_empty(x.shape[0], weight.shape[0])


def _is_whole(matrix: Tensor) -> bool:
    """Whether a matrix lies in one piece, row by row or column by column; others reach oneDNN's reference kernels."""
    return matrix.numel() > 0 and (matrix.is_contiguous() or matrix.T.is_contiguous())
