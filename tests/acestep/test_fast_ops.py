"""The element-wise parts of a block against their plain formulas: results, roundings and gradients."""

import pytest
import torch

from sidestep_tui.acestep.fast_ops import _by_fused_kernel, rms_norm, rotate, row_major, swiglu


def test_element_wise_gradients() -> None:
    draw = torch.Generator().manual_seed(0)

    def random(*size: int, needs: bool = False) -> torch.Tensor:
        return torch.randn(*size, generator=draw, dtype=torch.float64, requires_grad=needs)

    gate, up, states = random(3, 5, needs=True), random(3, 5, needs=True), random(1, 6, 2, 4, needs=True)
    angles = random(6, 2)
    cos, sin = (torch.cat([half, half], dim=-1) for half in (angles.cos(), angles.sin()))
    assert torch.autograd.gradcheck(swiglu, (gate, up))
    assert torch.autograd.gradcheck(rotate, (states, cos, sin))
    # The norm works in float32 inside, so its derivative is held against autograd's of the plain formula.
    x, weight, shift = torch.randn(2, 7, 8, generator=draw, requires_grad=True), torch.rand(8), torch.rand(8)
    plain = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * weight + shift
    fast = rms_norm(x, weight, 1e-6, shift)
    torch.testing.assert_close(fast, plain)
    coefficients = torch.randn(2, 7, 8, generator=draw)
    (found,), (wanted,) = (torch.autograd.grad((y * coefficients).sum(), x) for y in (fast, plain))
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("shifted", [False, True])
def test_the_norm_rounds_once_below_float32(shifted: bool) -> None:
    x, weight, shift = (torch.randn(*size).bfloat16() for size in ((2, 7, 64), (64,), (64,)))
    found = rms_norm(x, weight, 1e-6, shift if shifted else None)
    exact = rms_norm(x.float(), weight.float(), 1e-6, shift.float() if shifted else None)
    assert torch.equal(found, exact.bfloat16())


@pytest.mark.parametrize("rows", [(), (2, 1)], ids=["one song's modulation", "each song's"])
@pytest.mark.parametrize("shifted", [False, True])
def test_the_norm_of_a_card_is_the_norm(rows: tuple[int, ...], shifted: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 7, 8, generator=draw, requires_grad=True), torch.rand(*rows, 8, generator=draw)
    shift = torch.rand(*rows, 8, generator=draw) if shifted else None
    # The way of a card, which `rms_norm` does not take here; it computes on any device.
    found, wanted = _by_fused_kernel(x, weight, 1e-6, shift), rms_norm(x, weight, 1e-6, shift)
    torch.testing.assert_close(found, wanted)
    coefficients = torch.randn(2, 7, 8, generator=draw)
    gradients = [torch.autograd.grad((y * coefficients).sum(), x)[0] for y in (found, wanted)]
    torch.testing.assert_close(*gradients)


def test_what_lies_column_by_column_and_its_gradient_are_laid_out_row_by_row() -> None:
    columns = torch.randn(2, 4, 6).mT.requires_grad_()
    gradients: list[torch.Tensor] = []
    columns.register_hook(gradients.append)
    rows = row_major(columns)
    assert [columns.is_contiguous(), rows.is_contiguous()] == [False, True]
    assert torch.equal(rows, columns)
    direction = torch.randn(2, 4, 6).mT
    rows.backward(direction)
    assert gradients[0].is_contiguous()
    assert torch.equal(gradients[0], direction)
