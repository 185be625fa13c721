"""Activation checkpointing: which layers keep their activations and which compute them again (arXiv:1604.06174).

Recomputed layers keep the results of long attention: per byte kept, attention over n keys costs as much to repeat as a
linear layer with 2n inputs, and the fused kernels need nothing but their inputs, their result and one number a row.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import torch
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

Policy = Literal["none", "half", "all"]

_LONG_KEYS: Final = 1024
_SHORT_KEYS: Final = 512
_SMALL_BYTES: Final = 4 * 1024**2
_ATTENTION_KERNELS: Final = frozenset(
    {
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
        torch.ops.aten._scaled_dot_product_flash_attention.default,
        torch.ops.aten._scaled_dot_product_efficient_attention.default,
        torch.ops.aten._scaled_dot_product_cudnn_attention.default,
    }
)


def use_checkpointing(transformer: "AceStepTransformer1DModel", policy: Policy) -> None:
    """Sets the policy on the DiT: `all` recomputes every layer in the backward pass, `half` every second one.

    Without re-entrance, so that gradients reach the adapter although the layers' inputs ask for none. What is repeated
    is a layer's forward and not its call, so that hooks on the layer, which gather sharded weights, run once. Call it
    after `use_fast_blocks`, which sets the forward.
    """
    for index, layer in enumerate(transformer.layers):
        if policy == "all" or (policy == "half" and index % 2 == 0):
            layer.forward = partial(_recomputed, layer.forward)


def _recomputed(forward: Callable[..., torch.Tensor], *arguments: Any, **named: Any) -> torch.Tensor:
    if not torch.is_grad_enabled():
        return forward(*arguments, **named)
    keep_attention = partial(create_selective_checkpoint_contexts, _decide)
    result: torch.Tensor = checkpoint(forward, *arguments, use_reentrant=False, context_fn=keep_attention, **named)
    return result


def _decide(_context: Any, operation: Any, *arguments: Any, **_named: Any) -> CheckpointPolicy:
    if operation in _ATTENTION_KERNELS and _is_worth_keeping(arguments[0], arguments[1]):
        return CheckpointPolicy.MUST_SAVE
    return CheckpointPolicy.PREFER_RECOMPUTE


def _is_worth_keeping(query: torch.Tensor, key: torch.Tensor) -> bool:
    """Whether the result of attention, as large as `query` [B, H, S, d], is kept; `key` is [B, H, L, d]."""
    keys, size = key.shape[2], query.numel() * query.element_size()
    return keys >= _LONG_KEYS or (keys >= _SHORT_KEYS and size <= _SMALL_BYTES)
