"""Attention made of products against SDPA: results, gradients, windows, hidden keys, shared key heads, many pieces."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sidestep_tui.acestep import cpu_attention
from sidestep_tui.acestep.cpu_attention import attention_by_products, cut, serves


def states(length: int, keys: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Queries [2, length, 4, 6], keys and values [2, keys, 2, 6]."""
    draw = torch.Generator().manual_seed(length + keys)
    shapes = ((2, length, 4, 6), (2, keys, 2, 6), (2, keys, 2, 6))
    query, key, value = (torch.randn(*shape, generator=draw, dtype=dtype).requires_grad_() for shape in shapes)
    return query, key, value


def by_library(query: Tensor, key: Tensor, value: Tensor, window: int | None, valid: Tensor | None) -> Tensor:
    """The same by SDPA under a dense mask."""
    mask = torch.ones(query.shape[0], 1, query.shape[1], key.shape[1], dtype=torch.bool)
    if window is not None:
        at = torch.arange(query.shape[1])
        mask = mask & ((at[:, None] - at[None, :]).abs() <= window)
    if valid is not None:
        mask = mask & valid[:, None, None, :]
    heads = (tensor.transpose(1, 2) for tensor in (query, key, value))
    return F.scaled_dot_product_attention(*heads, attn_mask=mask, enable_gqa=True).transpose(1, 2)


def valid_keys(keys: int) -> Tensor:
    """Two songs, the second of which is three keys shorter."""
    return torch.arange(keys)[None] < torch.tensor([[keys], [keys - 3]])


@pytest.fixture(params=[2**19, 64], ids=["one piece", "many pieces"])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of one piece."""
    monkeypatch.setattr(cpu_attention, "_PIECE", request.param)
    cut.cache_clear()


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize(("length", "keys", "window"), [(1, 5, None), (37, 23, None), (33, 33, 8), (32, 32, 8)])
@pytest.mark.parametrize("padded", [False, True])
def test_equals_sdpa_in_results_and_gradients(length: int, keys: int, window: int | None, padded: bool) -> None:
    given = states(length, keys)
    valid = valid_keys(keys) if padded else None
    # What stands at the places of invalid queries counts nowhere.
    counts = valid[:, :, None, None] if valid is not None and window is not None else torch.ones(1)
    ours = attention_by_products(*given, window, valid) * counts
    theirs = by_library(*given, window, valid).nan_to_num(0.0) * counts
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=1e-9)
    wanted = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for mine, other in zip(
        torch.autograd.grad(ours, given, wanted), torch.autograd.grad(theirs, given, wanted), strict=True
    ):
        torch.testing.assert_close(mine, other, atol=1e-12, rtol=1e-9)


def test_float32_is_within_rounding_of_float64() -> None:
    given = states(300, 200, torch.float32)
    exact = by_library(*(state.double() for state in given), None, None)
    torch.testing.assert_close(attention_by_products(*given).double(), exact, atol=2e-6, rtol=0)


def test_great_scores_do_not_overflow() -> None:
    query, key, value = (state.detach() * 30 for state in states(20, 20, torch.float32))
    ours = attention_by_products(query, key, value)
    theirs = by_library(query, key, value, None, None)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_rows_that_see_nothing_are_finite_and_leave_no_gradient() -> None:
    given = states(4, 4, torch.float32)
    valid = torch.tensor([[True] * 4, [False] * 4])
    mixed = attention_by_products(*given, None, valid)
    assert mixed.isfinite().all()
    for gradient in torch.autograd.grad(mixed[0].sum(), given):
        assert gradient.isfinite().all()
        assert not gradient[1].any()


@pytest.mark.parametrize(("length", "keys", "window"), [(750, 769, None), (3000, 3000, None), (1000, 1000, 128)])
def test_pieces_cover_the_queries_and_are_as_large_as_each_other(length: int, keys: int, window: int | None) -> None:
    pieces = cut(length, keys, 2, window)
    assert [piece.first for piece in pieces] == [0, *(piece.last for piece in pieces[:-1])]
    assert pieces[-1].last == length
    sizes = [piece.last - piece.first for piece in pieces[:-1]]
    assert len(set(sizes)) <= 1
    if window is None:
        assert all(2 * (piece.last - piece.first) * keys < 1.6 * cpu_attention._PIECE for piece in pieces)
        assert sizes == [] or pieces[-1].last - pieces[-1].first > 0.8 * sizes[0]


def test_serves_float32_on_a_cpu_with_the_faster_library_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_attention, "ASK_ONEDNN", True)
    wide, narrow = torch.zeros(1, 8, 2, 128), torch.zeros(1, 8, 2, 32)
    assert [serves(wide, None), serves(wide, 4), serves(narrow, None)] == [True, True, True]
    assert [serves(narrow, 4), serves(wide.bfloat16(), None)] == [False, False]
    monkeypatch.setattr(cpu_attention, "ASK_ONEDNN", False)
    assert not serves(wide, None)
