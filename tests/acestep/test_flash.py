"""The flash kernel's way: what it is asked, checked with a plain kernel in its place, and when it is trusted."""

import re
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from sidestep_tui.acestep import flash
from sidestep_tui.acestep.attention import attend, banded_attention, full_attention
from sidestep_tui.acestep.flash import flash_attention, trust_flash
from tests.acestep.support import trust

CARD = torch.device("cuda", 0)


def plain(query: Tensor, key: Tensor, value: Tensor, gradient: Tensor, left: int, right: int) -> list[Tensor]:
    """Attention of one sequence as flash attention documents it, [S, H, d] over [L, kv heads, d], and its gradients."""
    groups, scale = query.shape[1] // key.shape[1], query.shape[2] ** -0.5
    q, k, v, g = (states.float() for states in (query, key, value, gradient))
    k, v = (states.repeat_interleave(groups, dim=1) for states in (k, v))
    distance = torch.arange(len(k))[None, :] - torch.arange(len(q))[:, None]
    hidden = (left >= 0) & (distance < -left) | (right >= 0) & (distance > right)
    seen = torch.einsum("qhd,khd->hqk", q * scale, k).masked_fill(hidden, -torch.inf).softmax(-1)
    moved = torch.einsum("qhd,khd->hqk", g, v)
    of_scores = seen * (moved - (seen * moved).sum(-1, keepdim=True)) * scale
    of_key, of_value = torch.einsum("hqk,qhd->khd", of_scores, q), torch.einsum("hqk,qhd->khd", seen, g)
    of_key, of_value = (each.unflatten(1, (-1, groups)).sum(2) for each in (of_key, of_value))
    results = torch.einsum("hqk,khd->qhd", seen, v), torch.einsum("hqk,khd->qhd", of_scores, k), of_key, of_value
    return [each.to(query.dtype) for each in results]


class PlainKernel:
    """Stands in for the card's kernel on the CPU; `reach` is added to every window, as a wrong one might."""

    reach = 0

    def forward(self, query, key, value, *bounds, **window):
        mixed = self._each([query, key, value, torch.zeros_like(query)], bounds, window)[0]
        return mixed, torch.zeros(1), torch.zeros(2), torch.zeros(0), torch.zeros(0)

    def backward(self, gradient, query, key, value, _mixed, _rows, *bounds, **window):
        return self._each([query, key, value, gradient], bounds, window)[1:]

    def _each(self, states, bounds, window):
        of_queries, of_keys, longest_q, longest_k, *_rest = bounds
        reaches = [size + self.reach if size >= 0 else size for size in window.values()]
        if of_queries is None:
            assert (longest_q, longest_k) == (states[0].shape[1], states[1].shape[1])
            songs = [plain(*each, *reaches) for each in zip(*states, strict=True)]
            return tuple(torch.stack(results) for results in zip(*songs, strict=True))
        assert of_queries.dtype == of_keys.dtype == torch.int32
        assert of_queries.diff().max() <= longest_q
        assert of_keys.diff().max() <= longest_k
        ends = [of_queries, of_keys, of_keys, of_queries]
        parts = [each.split(end.diff().tolist()) for each, end in zip(states, ends, strict=True)]
        songs = [plain(*each, *reaches) for each in zip(*parts, strict=True)]
        return tuple(torch.cat(results) for results in zip(*songs, strict=True))


@pytest.fixture
def kernel() -> Iterator[PlainKernel]:
    library, stand_in = torch.library.Library("aten", "IMPL"), PlainKernel()
    # Below autograd, where the card's kernel is.
    library.impl("_flash_attention_forward", stand_in.forward, "CPU")
    library.impl("_flash_attention_backward", stand_in.backward, "CPU")
    yield stand_in
    library._destroy()


def states(batch: int, queries: int, keys: int) -> list[Tensor]:
    draw = torch.Generator().manual_seed(queries)
    shapes = [(batch, queries, 4, 16), (batch, keys, 2, 16), (batch, keys, 2, 16)]
    return [torch.randn(shape, generator=draw).requires_grad_() for shape in shapes]


def same(found: Tensor, wanted: Tensor, inputs: list[Tensor], valid: Tensor | None) -> None:
    weight = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0))
    if valid is not None:
        weight = weight * valid[..., None, None]
    torch.testing.assert_close(found * weight, wanted * weight)
    gradients = [torch.autograd.grad((mixed * weight).sum(), inputs) for mixed in (found, wanted)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("lengths", [None, (40, 40), (40, 7), (1, 40)])
def test_a_window_within_each_song_is_the_banded_attention(lengths: tuple[int, int] | None) -> None:
    inputs = states(2, 40, 40)
    valid = None if lengths is None else torch.arange(40) < torch.tensor(lengths)[:, None]
    same(flash_attention(*inputs, 8, valid), banded_attention(*inputs, 8, valid), inputs, valid)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("keys", [40, 7])
@pytest.mark.parametrize("lengths", [None, (7, 3), (1, 7)])
def test_without_a_window_all_keys_of_a_song_are_seen(keys: int, lengths: tuple[int, int] | None) -> None:
    inputs = states(2, 40, keys)
    valid = None if lengths is None else torch.arange(keys) < torch.tensor(lengths)[:, None]
    same(flash_attention(*inputs, None, valid), full_attention(*inputs, valid), inputs, None)


@pytest.mark.parametrize("window", [None, 64])
def test_a_compiled_block_keeps_it_in_one_graph(window: int | None) -> None:
    shapes = [(2, 150, 4, 16), (2, 150, 2, 16), (2, 150, 2, 16)]
    inputs = [torch.empty(shape, device="meta", dtype=torch.bfloat16, requires_grad=True) for shape in shapes]
    torch._dynamo.reset()
    compiled = torch.compile(flash_attention, backend="aot_eager", fullgraph=True)
    for valid in (None, torch.ones(2, 150, dtype=torch.bool, device="meta")):
        mixed = compiled(*inputs, window, valid)
        mixed.sum().backward()
        assert mixed.shape == shapes[0]


def test_what_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    query = torch.zeros(2, 9, 4, 16, dtype=torch.bfloat16)
    assert not flash.serves(query)
    trust(query.device, monkeypatch)
    assert flash.serves(query)
    assert not flash.serves(query.float())
    assert not flash.serves(torch.zeros(1, 9, 4, 512, dtype=torch.bfloat16))


@pytest.mark.usefixtures("kernel")
def test_attention_of_a_trusted_device_goes_there(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [each.detach().bfloat16() for each in states(1, 40, 40)]
    wanted = attend(*inputs, 8)
    trust(inputs[0].device, monkeypatch)
    monkeypatch.setattr("sidestep_tui.acestep.attention.banded_attention", None)
    torch.testing.assert_close(attend(*inputs, 8), wanted, atol=0.02, rtol=0.02)


# By itself, and not through `trust_flash`, which asks nothing of what is no card.
def test_the_check_tells_a_right_kernel_from_a_wrong_one(kernel: PlainKernel) -> None:
    assert flash._deviation(torch.device("cpu")) < 0.02
    kernel.reach = 1
    assert flash._deviation(torch.device("cpu")) > 0.1


@pytest.mark.parametrize(
    ("deviation", "reason"),
    [(0.01, None), (0.5, "off by 0.500"), (float("nan"), "off by nan"), (RuntimeError("no\nkernel"), "Error: no$")],
)
def test_a_card_is_trusted_only_with_the_right_numbers(
    deviation: float | RuntimeError, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(_device: torch.device) -> float:
        if isinstance(deviation, RuntimeError):
            raise deviation
        return deviation

    monkeypatch.setattr(flash, "_trusted", set())  # so that no other test finds the trust of this one
    monkeypatch.setattr(flash, "_deviation", measured)  # for which it takes a card: the test above checks it here
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (8, 0))
    told = trust_flash(CARD)
    assert flash.is_trusted(CARD, torch.bfloat16) == (reason is None)
    assert (told is None) if reason is None else (told is not None and re.search(reason, told))


def test_the_card_that_is_named_without_a_number_is_the_one_that_tensors_are_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(flash, "_trusted", set())
    monkeypatch.setattr(flash, "_deviation", lambda _device: 0.0)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: (8, 0))
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    assert trust_flash(torch.device("cuda")) is None
    assert flash.is_trusted(CARD, torch.bfloat16)


@pytest.mark.parametrize(("device", "capability"), [(torch.device("cpu"), (9, 0)), (CARD, (7, 5))])
def test_what_has_no_such_kernel_is_not_asked(
    device: torch.device, capability: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    monkeypatch.setattr(flash, "_deviation", lambda _device: pytest.fail("asked"))
    assert trust_flash(device) is None
    assert not flash.is_trusted(device, torch.bfloat16)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_this_card_is_trusted() -> None:
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("the kernel needs a card of 2020 or later")
    assert trust_flash(CARD) is None
    assert flash.is_trusted(CARD, torch.bfloat16)
