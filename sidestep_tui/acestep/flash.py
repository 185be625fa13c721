"""Attention on a card by the flash kernel that torch carries (arXiv:2307.08691).

It knows windows, shared key heads, and where each song of a batch ends: nothing is masked, padded, repeated or cut into
blocks. A card is taken at its word only after its kernel gave the numbers of the banded attention (`trust_flash`).
"""

from collections.abc import Callable
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from sidestep_tui.errors import first_line

_PRECISIONS: Final = (torch.bfloat16, torch.float16)
_WIDEST_HEAD: Final = 256
_TOLERANCE: Final = 0.03  # of the largest number, for numbers of eight bits
_trusted: set[torch.device] = set()


def trust_flash(device: torch.device) -> str | None:
    """Lets `serves` choose the kernel on a device, if the device is a card for which it was made and it works there.

    Returns:
        Why a card that should have it does without, else None.
    """
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0):
        return None
    if device == torch.device("cuda"):  # which no tensor says that it is on
        device = torch.device("cuda", torch.cuda.current_device())
    try:
        deviation = _deviation(device)
    except (ImportError, TypeError, RuntimeError) as error:  # an older torch, or one built without the kernel
        return f"{type(error).__name__}: {first_line(error)}"
    if not deviation <= _TOLERANCE:  # a NaN neither
        return f"the kernel's numbers are off by {deviation:.3f} of the largest"
    _trusted.add(device)
    return None


def is_trusted(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the kernel was seen to work on a device, and computes in this precision."""
    return device in _trusted and dtype in _PRECISIONS


def serves(query: Tensor) -> bool:
    """Whether the kernel computes the attention of queries [B, S, H, d]."""
    return is_trusted(query.device, query.dtype) and query.shape[3] <= _WIDEST_HEAD


def flash_attention(query: Tensor, key: Tensor, value: Tensor, window: int | None, valid: Tensor | None) -> Tensor:
    """Attention over all keys of the own sequence, or over those within a window.

    Args:
        query: [B, S, H, d].
        key: [B, L, kv heads, d]; each serves H / kv heads consecutive query heads.
        value: [B, L, kv heads, d].
        window: token i sees tokens j with |i - j| <= window; L is S then. None for all.
        valid: bool [B, L], True up to each sequence's length. With a window, rows behind are finite and meaningless.

    Returns:
        [B, S, H, d].
    """
    reach, longest = -1 if window is None else window, (query.shape[1], key.shape[1])
    if valid is None:
        mixed: Tensor = _Flash.apply(query, key, value, None, None, longest, reach)  # type: ignore[no-untyped-call]
        return mixed
    of_keys = _ends(valid.sum(dim=1, dtype=torch.int32), key.shape[1])
    # What lies behind an end is a sequence of its own: with a window, whose rows count from its sequence's beginning,
    # of queries and keys; without one of keys that no query sees.
    of_queries = None  # as of keys; torch.compile breaks its graph where one tensor is given twice
    if window is None:
        of_queries = _ends(query.new_full((len(query),), longest[0], dtype=torch.int32), longest[0])
    shape = query.shape
    query, key, value = (states.flatten(0, 1) for states in (query, key, value))
    flat: Tensor = _Flash.apply(query, key, value, of_queries, of_keys, longest, reach)  # type: ignore[no-untyped-call]
    return flat.view(shape)


class _Flash(Function):
    """The kernel that `torch.nn.attention.varlen` calls too, whose own way to it takes the host three times as long."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        of_queries: Tensor | None,
        of_keys: Tensor | None,
        longest: tuple[int, int],
        window: int,
    ) -> Tensor:
        of_queries = of_keys if of_queries is None else of_queries
        ctx.longest = longest
        ctx.window = {"window_size_left": window, "window_size_right": window}
        mixed: Tensor
        mixed, per_row, state, *_ = torch.ops.aten._flash_attention_forward(
            query, key, value, of_queries, of_keys, *longest, 0.0, False, False, **ctx.window
        )
        ctx.save_for_backward(query, key, value, mixed, per_row, of_queries, of_keys, state)
        return mixed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *kept, state = ctx.saved_tensors
        return *torch.ops.aten._flash_attention_backward(
            gradients[0].contiguous(), *kept, *ctx.longest, 0.0, False, state, kept[0].new_empty(0), **ctx.window
        ), None, None, None, None  # fmt: skip


def _ends(lengths: Tensor, longest: int) -> Tensor:
    """Where sequences begin, and the end of the last, int32 [2B + 1]: each of its length, then what is left behind it.

    Args:
        lengths: int32 [B].
        longest: rows between the beginning of one sequence and of the next.
    """
    parts = torch.stack([lengths, longest - lengths], dim=1).flatten()
    return F.pad(parts.cumsum(0, dtype=torch.int32), (1, 0))


def _deviation(device: torch.device) -> float:
    """How far outputs and gradients lie from those that `attend` has in float32, over the largest of these."""
    from sidestep_tui.acestep.attention import attend

    draw = torch.Generator().manual_seed(0)
    states = [torch.randn(2, 150, heads, 128, generator=draw).to(device, torch.bfloat16) for heads in (4, 2, 2)]
    weight = torch.randn(2, 150, 4, 128, generator=draw).to(device)
    valid = torch.arange(150, device=device) < torch.tensor([[150], [90]], device=device)
    off = []
    for window, lengths in ((16, valid), (16, None), (None, valid), (None, None)):
        counted = weight if lengths is None else weight * valid[..., None, None]
        ours, theirs = (
            _with_gradients(attention, [state.to(dtype) for state in states], window, lengths, counted)
            for attention, dtype in ((flash_attention, torch.bfloat16), (attend, torch.float32))
        )
        off += [(one - other).abs().max() / other.abs().max() for one, other in zip(ours, theirs, strict=True)]
    return float(torch.stack(off).max())


def _with_gradients(
    attention: Callable[..., Tensor], states: list[Tensor], window: int | None, valid: Tensor | None, weight: Tensor
) -> tuple[Tensor, ...]:
    """The output times the weight, and the gradients of queries, keys and values from its sum."""
    states = [state.detach().requires_grad_() for state in states]
    mixed = attention(*states, window, valid) * weight
    return mixed.detach(), *torch.autograd.grad(mixed.sum(), states)
