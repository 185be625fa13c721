"""Attention of float32 on a CPU, made of matrix products by the faster library.

SDPA's kernels for the CPU multiply through MKL, which on some processors uses half of what is there
(`acestep/products.py`). Here a piece of the queries sees its keys in one product, one softmax and one more product,
small enough for the cache; the backward pass makes the probabilities again, as flash attention does (Dao et al. 2022),
so nothing of the size of queries × keys is kept. A window is cut by its own width: a piece is given the keys that it
may see, and a mask that is the same for all inner pieces.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from sidestep_tui.acestep.products import ASK_ONEDNN, product

_PIECE: Final = 2**20
"""Scores of one piece, about: four megabytes of float32. With half of it more calls cost more than the cache saves, and
twice as much is slower on one thread."""

_NARROW: Final = 64
"""Heads narrower than this leave the products of one window too small to pay for their calls."""

_HIDDEN: Final = -1e30
"""Added to the score of a key that may not be seen; finite, so that a row that sees nothing is not NaN."""

_LN2: Final = math.log(2)


class Piece(NamedTuple):
    """Consecutive queries `first` to `last` of one sequence, and the keys `low` to `high` that they may see."""

    first: int
    last: int
    low: int
    high: int


def serves(query: Tensor, window: int | None) -> bool:
    """Whether this is faster than SDPA for queries [B, S, H, d] on this machine; never within `torch.compile`."""
    if query.device.type != "cpu" or query.dtype != torch.float32 or torch.compiler.is_compiling():
        return False
    return ASK_ONEDNN and (window is None or query.shape[3] >= _NARROW)


def attention_by_products(
    query: Tensor, key: Tensor, value: Tensor, window: int | None = None, valid: Tensor | None = None
) -> Tensor:
    """Attention over the valid keys within a window.

    Args:
        query: [B, S, H, d].
        key: [B, L, kv heads, d]; each serves H / kv heads consecutive query heads.
        value: [B, L, kv heads, d].
        window: token i sees tokens j with |i - j| <= window; None for all.
        valid: bool [B, L], or None when all keys are valid. Rows that see nothing are finite and meaningless.

    Returns:
        [B, S, H, d].
    """
    mixed: Tensor = _forward(query, key, value, window, valid)[0]
    return mixed


@torch.library.custom_op("sidestep::attention_by_products", mutates_args=())
def _forward(
    query: Tensor, key: Tensor, value: Tensor, window: int | None, valid: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The result, and the logarithm of every row's sum [B, kv heads, S, groups].

    One operation to those who decide what is kept (`engine/memory/recompute.py`). Powers are of two, which this
    processor has a fast instruction for: the queries carry the factor log2(e).
    """
    rows, keys, values = _by_head(query, key, value)
    mixed, sums = torch.empty_like(query), rows.new_empty(rows.shape[:-1])
    for piece, bias, head in _pieces(rows, keys, window, valid):
        span = slice(piece.low, piece.high)
        scores = product(_part(rows, piece, head), keys[head][span])
        if bias is not None:
            scores.view(-1, rows.shape[3], scores.shape[1]).add_(bias[:, None])
        greatest = scores.amax(-1, keepdim=True)
        seen = scores.sub_(greatest).exp2_()
        total = seen.sum(-1, keepdim=True)
        place = _place(mixed, piece, head, rows.shape[3])
        weighted = product(seen, values[head][span].T)
        torch.div(weighted.view(place.shape), total.view(*place.shape[:2], 1), out=place)
        _part(sums, piece, head).copy_(total.log2_().add_(greatest)[:, 0])
    return mixed, sums


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    """What flash attention keeps: the inputs, the result, and the sums."""
    query, key, value, ctx.window, valid = inputs
    ctx.save_for_backward(query, key, value, valid, *output)


def _backward(ctx: Any, gradient: Tensor, _sums: Tensor) -> tuple[Tensor | None, ...]:
    query, key, value, valid, result, sums = ctx.saved_tensors
    rows, keys, values = _by_head(query, key, value)
    wanted = _rows(gradient, key.shape[2])
    sums, means = -sums, -_rows((gradient * result).sum(-1, keepdim=True), key.shape[2])[..., 0]
    by_query, by_key, by_value = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(value)
    for piece, bias, head in _pieces(rows, keys, ctx.window, valid):
        span = slice(piece.low, piece.high)
        asked, out = (_part(states, piece, head) for states in (rows, wanted))
        # Keys run downwards here, so that what belongs to a query is a bias that the product adds by itself.
        seen = product(keys[head][span], asked, _part(sums, piece, head))
        if bias is not None:
            seen.view(seen.shape[0], -1, rows.shape[3]).add_(bias.T[:, :, None])
        by_value[head[0], span, head[1]] += product(seen.exp2_(), out.T)
        by_score = seen.mul_(product(values[head][span], out, _part(means, piece, head)))
        # The rows carry log2(e) besides the scale; the scores' gradient is that of natural powers.
        by_key[head[0], span, head[1]].add_(product(by_score, asked.T), alpha=_LN2)
        place = _place(by_query, piece, head, rows.shape[3])
        asking = product(by_score.T, keys[head][span].T)
        torch.mul(torch.unflatten(asking, 0, place.shape[:2]), query.shape[3] ** -0.5, out=place)
    return by_query, by_key, by_value, None, None


_forward.register_autograd(_backward, setup_context=_keep)


def _pieces(
    rows: Tensor, keys: Tensor, window: int | None, valid: Tensor | None
) -> Iterator[tuple[Piece, Tensor | None, tuple[int, int]]]:
    """Every piece with what hides its keys, [queries or 1, keys], and its (song, key head)."""
    batch, kv_heads, length, groups, _ = rows.shape
    for song in range(batch):
        hidden = None if valid is None else torch.where(valid[song], 0.0, _HIDDEN)
        for piece in cut(length, keys.shape[2], groups, window):
            bias = None
            if window is not None:
                bias = _band(piece.last - piece.first, piece.high - piece.low, piece.first - piece.low, window)
            if hidden is not None:
                part = hidden[None, piece.low : piece.high]
                bias = part if bias is None else bias + part
            for head in range(kv_heads):
                yield piece, bias, (song, head)


@lru_cache(maxsize=64)
def cut(length: int, keys: int, groups: int, window: int | None) -> tuple[Piece, ...]:
    """Cuts `length` queries evenly into pieces of about `_PIECE` scores; a window into pieces half again as wide."""
    pieces = max(1, round(length * keys * groups / _PIECE))
    size = window * 3 // 2 if window is not None else max(16, -(-length // pieces))
    spans = [(start, min(start + size, length)) for start in range(0, length, size)]
    if window is None:
        return tuple(Piece(first, last, 0, keys) for first, last in spans)
    return tuple(Piece(first, last, max(0, first - window), min(keys, last + window)) for first, last in spans)


@lru_cache(maxsize=64)
def _band(queries: int, keys: int, offset: int, window: int) -> Tensor:
    """What hides the keys beyond the window: [queries, keys]; query i stands at key `offset` + i."""
    distance = torch.arange(keys)[None, :] - torch.arange(queries)[:, None] - offset
    return torch.where(distance.abs() <= window, 0.0, _HIDDEN)


def _by_head(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries times log2(e) / sqrt(d) [B, kv heads, S, groups, d], keys, values [B, kv heads, L, d]; contiguous."""
    heads = torch.unflatten(query, 2, (key.shape[2], -1)).transpose(1, 2)
    rows = torch.mul(heads, query.shape[3] ** -0.5 / _LN2, out=query.new_empty(heads.shape))
    return rows, key.transpose(1, 2).contiguous(), value.transpose(1, 2).contiguous()


def _rows(states: Tensor, kv_heads: int) -> Tensor:
    """[B, S, H, d] -> [B, kv heads, S, groups, d]."""
    return torch.unflatten(states, 2, (kv_heads, -1)).transpose(1, 2).contiguous()


def _part(states: Tensor, piece: Piece, head: tuple[int, int]) -> Tensor:
    """[queries * groups, ...] of a piece, in place."""
    return states[head][piece.first : piece.last].flatten(0, 1)


def _place(states: Tensor, piece: Piece, head: tuple[int, int], groups: int) -> Tensor:
    """[queries, groups, d] of a piece, in place, of [B, S, H, d]."""
    song, kv_head = head
    return states[song, piece.first : piece.last, kv_head * groups : (kv_head + 1) * groups]
