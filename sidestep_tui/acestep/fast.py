"""The DiT's blocks as training runs them: windowed attention, lean LoRA layers, few passes over memory.

Everything here equals diffusers' block within rounding, gradients included, and keeps less for the backward pass.
"""

import re
from functools import partial
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from sidestep_tui.acestep.attention import Rotary, attend, use_banded_attention
from sidestep_tui.acestep.fast_lora import use_fast_lora
from sidestep_tui.acestep.fast_ops import rms_norm, rotate, row_major, swiglu
from sidestep_tui.acestep.products import use_fast_linear

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel
    from diffusers.models.transformers.ace_step_transformer import AceStepAttention, AceStepTransformerBlock

_FROZEN: Final = re.compile(r"norm(_\w+)?\.weight$|scale_shift_table$")


def use_fast_blocks(transformer: "AceStepTransformer1DModel") -> None:
    """Installs the fast forward in every block; call it after adapters are injected.

    Norms and modulation get no gradient afterwards: the DiT's own weights must be frozen.

    Raises:
        ValueError: a norm or a modulation table asks for gradients.
    """
    for name, parameter in transformer.named_parameters():
        if parameter.requires_grad and _FROZEN.search(name):
            raise ValueError(f"{name} must be frozen")
    use_banded_attention(transformer)
    use_fast_lora(transformer)
    use_fast_linear(transformer.layers)
    for layer in transformer.layers:
        layer.forward = partial(fast_block, layer)


def fast_block(
    block: "AceStepTransformerBlock",
    hidden_states: Tensor,
    position_embeddings: Rotary,
    temb: Tensor,
    attention_mask: Tensor | None,
    encoder_hidden_states: Tensor,
    encoder_attention_mask: Tensor | None,
) -> Tensor:
    """One block, with the arguments of diffusers' own forward; masks are bool [B, S] and [B, L], or None."""
    hidden, condition = row_major(hidden_states), encoder_hidden_states
    shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = (block.scale_shift_table + temb).chunk(6, dim=1)

    norm = block.self_attn_norm
    normed = rms_norm(hidden, norm.weight * (1 + scale), norm.eps, shift)
    mixed = _attention(block.self_attn, normed, normed, attention_mask, position_embeddings)
    hidden = torch.addcmul(hidden, mixed, gate)

    norm = block.cross_attn_norm
    normed = rms_norm(hidden, norm.weight, norm.eps)
    hidden = hidden + _attention(block.cross_attn, normed, condition, encoder_attention_mask, None)

    norm = block.mlp_norm
    normed = rms_norm(hidden, norm.weight * (1 + mlp_scale), norm.eps, mlp_shift)
    mlp = block.mlp
    mixed = mlp.down_proj(swiglu(mlp.gate_proj(normed), mlp.up_proj(normed)))
    return row_major(torch.addcmul(hidden, mixed, mlp_gate))


def _attention(
    attention: "AceStepAttention", x: Tensor, source: Tensor, valid: Tensor | None, rotary: Rotary | None
) -> Tensor:
    """Attention of `x` [B, S, D] over `source` [B, L, D]."""
    query = attention.to_q(x).unflatten(-1, (attention.heads, attention.head_dim))
    key = attention.to_k(source).unflatten(-1, (attention.kv_heads, attention.head_dim))
    value = attention.to_v(source).unflatten(-1, (attention.kv_heads, attention.head_dim))
    query = rms_norm(query, attention.norm_q.weight, attention.norm_q.eps)
    key = rms_norm(key, attention.norm_k.weight, attention.norm_k.eps)
    if rotary is not None:
        query, key = (rotate(states, *rotary) for states in (query, key))
    mixed = attend(query, key, value, attention.sliding_window, valid)
    output: Tensor = attention.to_out[0](mixed.flatten(2))
    return output
