"""Activation checkpointing: which layers keep their activations and which compute them again (arXiv:1604.06174).

On a CPU recomputed layers keep the results of long attention: per byte kept, attention over n keys costs as much to
repeat as a linear layer with 2n inputs, and the fused kernel needs nothing but its inputs, its result and one number a
row. On a card attention is a small part of a step, and what tells its operations apart runs in Python at each of them
all: it would keep the card waiting (docs/benchmarks.md).

What a recomputed layer starts from may wait in the host's memory. Recomputing the MLPs alone is not offered: in two
bytes an element they hold a third of what a block keeps for six tenths of its products; every second layer is half for
half.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from sidestep_tui.acestep.pinned import empty_pinned
from sidestep_tui.config.train import Checkpointing

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

_LONG_KEYS: Final = 1024
_SHORT_KEYS: Final = 512
_SMALL_BYTES: Final = 4 * 1024**2
_KERNEL: Final = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default


def use_checkpointing(transformer: "AceStepTransformer1DModel", policy: Checkpointing, *, draws: bool = True) -> None:
    """Sets the policy on the DiT: `all` recomputes every layer in the backward pass, `half` every second one.

    `offload` is `all` with each layer's input moved to pinned host memory until its turn comes.

    Without re-entrance, so that gradients reach the adapter although the layers' inputs ask for none. What is repeated
    is a layer's forward and not its call, so that hooks on the layer, which gather sharded weights, run once. Call it
    after `use_fast_blocks`, which sets the forward.

    Args:
        transformer: with its adapter on.
        policy: what is recomputed; `engine/memory/policy.py` has put another in place of `auto`.
        draws: layers draw random numbers, and must draw the same when they are repeated.

    Raises:
        ValueError: it is still `auto`.
    """
    if policy == "auto":
        raise ValueError("memory.checkpointing auto was not resolved")
    for index, layer in enumerate(transformer.layers):
        if policy in ("all", "offload") or (policy == "half" and index % 2 == 0):
            recomputed = partial(_recomputed, layer.forward, draws)
            layer.forward = partial(_from_host, recomputed) if policy == "offload" else recomputed


def _recomputed(forward: Callable[..., torch.Tensor], draws: bool, *arguments: Any, **named: Any) -> torch.Tensor:
    if not torch.is_grad_enabled():
        return forward(*arguments, **named)
    hidden_states = arguments[0] if arguments else named["hidden_states"]
    if hidden_states.device.type == "cpu":
        named["context_fn"] = partial(create_selective_checkpoint_contexts, _decide)
    result: torch.Tensor = checkpoint(forward, *arguments, use_reentrant=False, preserve_rng_state=draws, **named)
    return result


def _from_host(
    forward: Callable[..., torch.Tensor], hidden_states: torch.Tensor, *others: Any, **named: Any
) -> torch.Tensor:
    """The recomputed layer, whose input [B, S, D] waits on the host; all layers share the others, which stay."""
    place = hidden_states.data_ptr()

    def pack(saved: torch.Tensor) -> tuple[torch.Tensor, torch.device]:
        if saved.data_ptr() != place or not saved.is_cuda:
            return saved, saved.device
        host = empty_pinned(saved.shape, saved.dtype)
        return host.copy_(saved, non_blocking=True), saved.device

    def unpack(packed: tuple[torch.Tensor, torch.device]) -> torch.Tensor:
        saved, device = packed
        return saved.to(device, non_blocking=True)

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):  # of the input alone: inside are the checkpoint's own
        return forward(hidden_states, *others, **named)  # by place: what is named, checkpoint keeps by itself


def _decide(_context: Any, operation: Any, *arguments: Any, **_named: Any) -> CheckpointPolicy:
    if operation is _KERNEL and _is_worth_keeping(arguments[0], arguments[1].shape[2]):
        return CheckpointPolicy.MUST_SAVE
    if operation is torch.ops.sidestep.attention_by_products.default:
        query, key, _value, window, *_ = arguments
        if _is_worth_keeping(query, key.shape[1] if window is None else 3 * window):
            return CheckpointPolicy.MUST_SAVE
    return CheckpointPolicy.PREFER_RECOMPUTE


def _is_worth_keeping(query: torch.Tensor, keys: int) -> bool:
    """Whether the result of attention, as large as `query`, over so many keys a row is kept."""
    size = query.numel() * query.element_size()
    return keys >= _LONG_KEYS or (keys >= _SHORT_KEYS and size <= _SMALL_BYTES)
