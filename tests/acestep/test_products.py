"""The faster products: the same numbers as torch's own on every layout, and only where they are meant for."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from sidestep_tui.acestep import products
from sidestep_tui.acestep.products import gives_float32, onednn_is_faster, product, use_fast_linear

LAYOUTS: dict[str, Callable[[int, int], torch.Tensor]] = {
    "rows": lambda n, m: torch.randn(n, m),
    "columns": lambda n, m: torch.randn(m, n).T,
    "cut": lambda n, m: torch.randn(n, m + 3)[:, :m],
    "repeated": lambda n, m: torch.randn(n, 1).expand(n, m),
}


@pytest.fixture
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor where oneDNN wins; it computes the same everywhere."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch carries no oneDNN here")
    monkeypatch.setattr(products, "ASK_ONEDNN", True)


@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize("sizes", [(7, 5, 3), (1, 4, 1), (33, 64, 20), (0, 3, 2)])
@pytest.mark.parametrize("x_layout", LAYOUTS)
@pytest.mark.parametrize("weight_layout", LAYOUTS)
def test_the_product_of_every_layout(sizes: tuple[int, int, int], x_layout: str, weight_layout: str) -> None:
    rows, width, outputs = sizes
    x, weight = LAYOUTS[x_layout](rows, width), LAYOUTS[weight_layout](outputs, width)
    torch.testing.assert_close(product(x, weight), x @ weight.T, atol=1e-5, rtol=1e-5)


@pytest.mark.usefixtures("faster")
def test_a_frozen_layer_gives_the_same_output_and_gradient_and_may_be_copied() -> None:
    layer = nn.Linear(6, 4, bias=False).requires_grad_(False)
    fast = copy.deepcopy(nn.ModuleList([layer]))
    use_fast_linear(fast)
    fast = copy.deepcopy(fast)
    x = torch.randn(2, 3, 6, requires_grad=True)
    direction = torch.randn(2, 3, 4)
    wanted, found = layer(x), fast[0](x)
    torch.testing.assert_close(found, wanted)
    (wanted_gradient,), (found_gradient,) = (torch.autograd.grad(y, x, direction) for y in (wanted, found))
    torch.testing.assert_close(found_gradient, wanted_gradient)
    fast[0].weight.mul_(2.0)  # the copy reads its own weight
    torch.testing.assert_close(fast[0](x), 2 * wanted)


@pytest.mark.usefixtures("faster")
def test_a_weight_that_asks_for_a_gradient_gets_it() -> None:
    layers = nn.ModuleList([nn.Linear(6, 4, bias=False)])
    use_fast_linear(layers)
    layers[0](torch.ones(2, 6)).sum().backward()
    assert torch.equal(layers[0].weight.grad, torch.full((4, 6), 2.0))


@pytest.mark.usefixtures("faster")
def test_autocast_computes_as_torch_does() -> None:
    layers = nn.ModuleList([nn.Linear(6, 4, bias=False).requires_grad_(False)])
    use_fast_linear(layers)
    with torch.autocast("cpu", torch.bfloat16):
        assert layers[0](torch.ones(2, 6)).dtype == torch.bfloat16


@pytest.mark.parametrize(("vendor", "capability", "wins"), [
    ("AuthenticAMD", "AVX512", True), ("AuthenticAMD", "AVX2", False), ("GenuineIntel", "AVX512", False),
])  # fmt: skip
def test_the_processor_alone_decides(
    vendor: str, capability: str, wins: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
    monkeypatch.setattr(products, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    for library in (torch.backends.mkl, torch.backends.mkldnn):
        monkeypatch.setattr(library, "is_available", lambda: True)
    assert onednn_is_faster() is wins


@pytest.mark.parametrize(("device", "capability", "gives"), [
    ("cuda:0", (7, 5), False), ("cuda:0", (8, 0), True), ("cuda:0", (12, 0), True), ("cpu", (9, 0), False),
    ("mps", (9, 0), False),
])  # fmt: skip
def test_only_cards_since_ampere_are_asked_for_wide_products_of_half_precision(
    device: str, capability: tuple[int, int], gives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    gives_float32.cache_clear()
    assert gives_float32(torch.device(device)) == gives
    gives_float32.cache_clear()
