"""Attention that does windowed work in the sliding-window layers of the DiT.

diffusers computes those layers as full attention under a dense [S, S] mask. Here the sequence is cut into blocks; the
queries of a block see the keys of a window around it, under a mask that is small and the same for all blocks, so time
and memory grow with S instead of S². Full-attention layers pass no mask at all, which lets SDPA pick a flash kernel.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from diffusers.models.attention_dispatch import AttentionBackendName
from diffusers.models.embeddings import apply_rotary_emb

from sidestep_tui.acestep import cpu_attention, flash

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel
    from diffusers.models.transformers.ace_step_transformer import AceStepAttention

Rotary = tuple[torch.Tensor, torch.Tensor]


def use_banded_attention(transformer: "AceStepTransformer1DModel") -> None:
    """Installs `BandedAttention` in every attention of the DiT; results stay the same within rounding."""
    for layer in transformer.layers:
        layer.self_attn.set_processor(BandedAttention())
        layer.cross_attn.set_processor(BandedAttention())


class BandedAttention:
    """A diffusers attention processor for ACE-Step's grouped-query attention.

    `attention_mask` is None or bool [B, keys], True where a key is valid.
    """

    # diffusers reads this before it builds its dense mask: flash kernels do their own windowing, and so does this.
    _attention_backend = AttentionBackendName.FLASH
    _parallel_config = None

    def __call__(
        self,
        attn: "AceStepAttention",
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Rotary | None = None,
    ) -> torch.Tensor:
        """Attention of `hidden_states` [B, S, D] over itself, or over `encoder_hidden_states` [B, L, D]."""
        source = encoder_hidden_states if attn.is_cross_attention else hidden_states
        query = attn.norm_q(attn.to_q(hidden_states).unflatten(-1, (attn.heads, attn.head_dim)))
        key = attn.norm_k(attn.to_k(source).unflatten(-1, (attn.kv_heads, attn.head_dim)))
        value = attn.to_v(source).unflatten(-1, (attn.kv_heads, attn.head_dim))
        if image_rotary_emb is not None and not attn.is_cross_attention:
            query, key = (_rotate(states, image_rotary_emb) for states in (query, key))
        mixed = attend(query, key, value, attn.sliding_window, attention_mask)
        output: torch.Tensor = attn.to_out[0](mixed.flatten(2).to(hidden_states.dtype))
        return output


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    window: int | None,
    valid: torch.Tensor | None = None,
) -> torch.Tensor:
    """`banded_attention` where a window narrows what is seen, else `full_attention`; or a faster way of the machine."""
    # With no more than window + 1 tokens the band covers everything.
    if window is not None and query.shape[1] <= window + 1:
        window = None
    if cpu_attention.serves(query, window):
        return cpu_attention.attention_by_products(query, key, value, window, valid)
    if flash.serves(query):
        return flash.flash_attention(query, key, value, window, valid)
    if window is None:
        return full_attention(query, key, value, valid)
    return banded_attention(query, key, value, window, valid)


def full_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, valid: torch.Tensor | None = None
) -> torch.Tensor:
    """Attention of every query over every valid key.

    Args:
        query: [B, S, H, d].
        key: [B, L, kv heads, d]; each serves H / kv heads consecutive query heads.
        value: [B, L, kv heads, d].
        valid: bool [B, L], or None when all keys are valid.

    Returns:
        [B, S, H, d].
    """
    mask = None if valid is None else valid[:, None, None, :]
    return _grouped(query, key, value, mask)


def banded_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, window: int, valid: torch.Tensor | None = None
) -> torch.Tensor:
    """Attention of token i over the valid tokens j with |i - j| <= window.

    The sequence is cut into blocks of `window` queries; block b sees the keys from one window before its first to one
    window after its last query.

    Args:
        query: [B, S, H, d].
        key: [B, S, kv heads, d].
        value: [B, S, kv heads, d].
        window: reach to each side in tokens.
        valid: bool [B, S], or None when all tokens are valid. Rows of invalid tokens are finite and meaningless.

    Returns:
        [B, S, H, d].
    """
    batch, length = query.shape[:2]
    blocks = -(-length // window)
    missing = blocks * window - length
    folded = F.pad(query, (0, 0, 0, 0, 0, missing)).reshape(batch * blocks, window, *query.shape[2:])
    mask = _block_mask(length, window, query.device)
    if valid is not None:
        mask = mask & _visible(valid, window, blocks)
    elif query.device.type == "cpu" and query.dtype == torch.float32:
        mask = _block_bias(length, window, query.shape[2] // key.shape[2])
    mixed = _grouped(
        folded,
        _windows(key, window, blocks).flatten(0, 1),
        _windows(value, window, blocks).flatten(0, 1),
        mask.expand(batch, -1, -1, -1).flatten(0, 1)[:, None],
    )
    return mixed.reshape(batch, blocks * window, *query.shape[2:])[:, :length]


def _grouped(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """SDPA where the query heads that share a key head are stacked along the query axis.

    Rows of attention do not depend on each other, so this is exact. It needs neither copies of keys and values nor
    SDPA's `enable_gqa`, which together with a mask reaches only the slowest CUDA kernel.

    Args:
        query: [B, S, H, d].
        key: [B, L, kv heads, d].
        value: [B, L, kv heads, d].
        mask: bool, True where a key may be seen, or what is added to the scores; broadcastable to [B, 1, S, L] or,
            stacked like the queries, to [B, 1, H / kv heads * S, L].
    """
    if mask is None and query.device.type == "cpu":
        # The CPU's flash kernel shares key heads itself, a tenth faster than with stacked queries.
        query, key, value = (states.transpose(1, 2) for states in (query, key, value))
        return F.scaled_dot_product_attention(query, key, value, enable_gqa=True).transpose(1, 2)
    length, kv_heads = query.shape[1], key.shape[2]
    groups = query.shape[2] // kv_heads
    stacked = torch.unflatten(query, 2, (kv_heads, groups)).permute(0, 2, 3, 1, 4).flatten(2, 3)
    if mask is not None and mask.shape[2] == length:
        mask = mask.repeat(1, 1, groups, 1)
    mixed = F.scaled_dot_product_attention(stacked, key.transpose(1, 2), value.transpose(1, 2), attn_mask=mask)
    return torch.unflatten(mixed, 2, (groups, length)).permute(0, 3, 1, 2, 4).flatten(2, 3)


def _windows(tokens: torch.Tensor, window: int, blocks: int) -> torch.Tensor:
    """[B, S, ...] -> [B, blocks, 3 * window, ...]: each block between its neighbours, zeros beyond the ends."""
    after = (blocks + 1) * window - tokens.shape[1]
    padded = F.pad(tokens, (0, 0) * (tokens.ndim - 2) + (window, after))
    padded = torch.unflatten(padded, 1, (blocks + 2, window))
    return torch.cat([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], dim=2)


@lru_cache(maxsize=8)
def _block_mask(length: int, window: int, device: torch.device) -> torch.Tensor:
    """Which keys of its window each query may see: bool [1, blocks, window, 3 * window].

    Queries that only fill up the last block may see the zeros beside them: a row that sees nothing would be NaN.
    """
    blocks = -(-length // window)
    offset = torch.arange(window, device=device)[:, None]
    reach = torch.arange(3 * window, device=device)[None, :]
    band = (reach >= offset) & (reach <= offset + 2 * window)
    inside = torch.ones(1, length, dtype=torch.bool, device=device)
    return band & _visible(inside, window, blocks)


@lru_cache(maxsize=8)
def _block_bias(length: int, window: int, groups: int) -> torch.Tensor:
    """`_block_mask` on a CPU as added to the scores of stacked queries: [1, blocks, groups * window, 3 * window].

    The kernel adds; of a bool mask it would make this anew in every layer, and keep it for the backward pass.
    """
    seen = _block_mask(length, window, torch.device("cpu")).repeat(1, 1, groups, 1)
    return torch.where(seen, 0.0, -torch.inf)


def _visible(valid: torch.Tensor, window: int, blocks: int) -> torch.Tensor:
    """bool [B, S] -> [B, blocks, window, 3 * window]: the key is valid, or the query is not."""
    missing = blocks * window - valid.shape[1]
    queries = torch.unflatten(F.pad(valid, (0, missing)), 1, (blocks, window))
    return _windows(valid, window, blocks)[:, :, None, :] | ~queries[:, :, :, None]


def _rotate(states: torch.Tensor, rotary: Rotary) -> torch.Tensor:
    """Rotary positions in Qwen3's layout (halves, not pairs) on [B, S, heads, d]."""
    rotated: torch.Tensor = apply_rotary_emb(states, rotary, use_real=True, use_real_unbind_dim=-2, sequence_dim=1)
    return rotated
