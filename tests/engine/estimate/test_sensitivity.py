"""The mathematics of gradient sensitivity: against autograd and closed forms, and ranks within a budget."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.train import Checkpointing
from sidestep_tui.engine.adapters.targets import all_targets
from sidestep_tui.engine.estimate.allocation import ModuleShape, RankBounds, allocate_ranks
from sidestep_tui.engine.estimate.probe import probed
from sidestep_tui.engine.estimate.ranking import Ranking
from sidestep_tui.engine.estimate.sensitivity import ModuleStatistics, band_weights
from sidestep_tui.engine.estimate.weight_gradient import Inputs, SharedInputs, WeightGradient
from sidestep_tui.engine.memory.recompute import use_checkpointing


@pytest.mark.parametrize("policy", ["none", "all"])
def test_probed_gradients_equal_those_of_autograd(
    reference_checkpoint: Callable[[str], Path], policy: Checkpointing
) -> None:
    checkpoint = open_checkpoint(reference_checkpoint("acestep-v15-turbo"))
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    use_banded_attention(transformer)
    names = [to_diffusers(name) for name in all_targets(checkpoint.config)]
    weights = {name: transformer.get_submodule(name).weight for name in names}
    g = torch.Generator().manual_seed(1)
    x, condition = torch.randn(1, 40, 64, generator=g), torch.randn(1, 12, 64, generator=g)
    context, t = torch.randn(1, 40, 128, generator=g), torch.tensor([0.4])

    def loss() -> torch.Tensor:
        return velocity(transformer, x, t, condition, context).square().mean()

    for weight in weights.values():
        weight.requires_grad_()
    naive = dict(zip(names, torch.autograd.grad(loss(), list(weights.values())), strict=True))
    for weight in weights.values():
        weight.requires_grad_(False)

    use_checkpointing(transformer, policy)
    seen: dict[str, torch.Tensor] = {}
    x.requires_grad_()
    condition.requires_grad_()
    squares: dict[str, float] = {}
    shared = SharedInputs()

    def observe(name: str, outputs: torch.Tensor, inputs: torch.Tensor) -> None:
        seen[name] = outputs.T @ inputs
        squares[name] = WeightGradient(outputs, shared.of(inputs)).square().item()

    with probed(transformer, names, observe):
        loss().backward()
    assert seen.keys() == naive.keys()
    for name in names:
        assert ((seen[name] - naive[name]).norm() / naive[name].norm()).item() < 1e-5
        assert squares[name] == pytest.approx(naive[name].double().square().sum().item(), rel=1e-5)
        assert "forward" not in vars(transformer.get_submodule(name))
    assert all(parameter.grad is None for parameter in transformer.parameters())


def test_band_weights_are_the_share_of_the_models_own_draws() -> None:
    weights = band_weights(-0.4, 1.0)
    a, b = torch.randn(2, 200_000, generator=torch.Generator().manual_seed(0))
    t = torch.sigmoid(torch.maximum(a, b) - 0.4)
    shares = torch.histc(t, bins=3, min=0, max=1) / len(t)
    assert sum(weights) == pytest.approx(1)
    assert list(weights) == pytest.approx(shares.tolist(), abs=5e-3)


def _factors(gradient: torch.Tensor) -> WeightGradient:
    """A gradient [out, in] as the probe would show it."""
    return WeightGradient(torch.eye(len(gradient)), Inputs(gradient))


def test_the_spectrum_finds_planted_directions() -> None:
    g = torch.Generator().manual_seed(0)
    left, right = (
        torch.linalg.qr(torch.randn(60, 3, generator=g))[0],
        torch.linalg.qr(torch.randn(40, 3, generator=g))[0],
    )
    planted = left @ torch.diag(torch.tensor([5.0, 3.0, 1.0])) @ right.T
    statistics = ModuleStatistics()
    for band in (0, 1, 2):
        measured = statistics.measure(_factors(planted))
        statistics.add(measured.square.item(), measured, band)
    energies = [25 / 35, 9 / 35, 1 / 35]
    assert statistics.spectrum()[:3] == pytest.approx(energies, rel=1e-4)
    assert sum(statistics.spectrum()[3:]) == pytest.approx(0, abs=1e-5)
    mean, stderr = statistics.mean((0.2, 0.3, 0.5))
    assert mean == pytest.approx(35, rel=1e-5)
    assert stderr > 0


def test_the_signal_is_what_all_draws_agree_on() -> None:
    g = torch.Generator().manual_seed(4)
    agreed = torch.randn(80, 50, generator=g)
    agreed /= agreed.norm()
    with_signal, noise_alone = ModuleStatistics(), ModuleStatistics()
    for draw in range(600):
        noise = torch.randn(80, 50, generator=g) / 80**0.5
        for statistics, gradient in ((with_signal, agreed + noise), (noise_alone, noise)):
            seen = statistics.measure(_factors(gradient))
            statistics.add(seen.square.item(), seen, draw % 3)
    weights = (0.2, 0.3, 0.5)
    assert noise_alone.mean(weights)[0] > 40  # the squared norm sees the noise alone
    assert with_signal.signal(weights) == pytest.approx(1.0, abs=0.2)
    assert noise_alone.signal(weights) < 0.05


def test_the_standard_error_is_that_of_stratified_means() -> None:
    statistics = ModuleStatistics(squares=([1.0, 3.0], [10.0, 14.0], []))
    mean, stderr = statistics.mean((0.25, 0.25, 0.5))  # the unseen band's weight goes to the others
    assert mean == pytest.approx(0.5 * 2 + 0.5 * 12)
    assert stderr == pytest.approx(math.sqrt(0.25 * 2 / 2 + 0.25 * 8 / 2))


def test_ranks_go_where_they_pay_within_the_budget() -> None:
    strong = ModuleShape("mlp.up_proj", 100, 100, 10.0, tuple([0.1] * 10))
    weak = ModuleShape("mlp.up_proj", 100, 100, 1.0, tuple([0.1] * 10))
    narrow = ModuleShape("mlp.up_proj", 100, 100, 10.0, (1.0, 0.0, 0.0))
    modules = {"strong": strong, "weak": weak, "narrow": narrow}
    ranks = allocate_ranks(modules, budget=200 * 14, bounds=RankBounds(1, 8))
    assert sum(rank * 200 for rank in ranks.values()) <= 200 * 14
    assert ranks == {"strong": 8, "weak": 5, "narrow": 1}
    uniform_gain = sum(m.gain(r) for m in modules.values() for r in range(4))
    assert sum(m.gain(r) for name, m in modules.items() for r in range(ranks[name])) > uniform_gain


def test_every_kind_of_module_keeps_its_share() -> None:
    flat = tuple([0.1] * 10)
    modules = {f"layers.{layer}.loud": ModuleShape("loud", 60, 40, 1000.0, flat) for layer in range(4)}
    modules |= {f"layers.{layer}.quiet": ModuleShape("quiet", 60, 40, 1.0 + layer, flat) for layer in range(4)}
    budget = 8 * 100 * 4  # four ranks everywhere

    def ranks_of(kind: str, share: float) -> list[int]:
        ranks = allocate_ranks(modules, budget, RankBounds(0, 10, share))
        assert sum(100 * rank for rank in ranks.values()) == budget
        return [ranks[name] for name, module in modules.items() if module.kind == kind]

    assert sum(ranks_of("quiet", 0.0)) == 0  # the budget does not fill the loud ones
    # Half of an even share is 8 ranks; within the kind they go to its strongest module, up to the ceiling.
    assert ranks_of("quiet", 0.5) == [0, 0, 0, 8]
    assert ranks_of("quiet", 1.0) == [0, 0, 6, 10]
    assert sum(ranks_of("loud", 1.0)) == 16


def test_a_gradient_that_is_no_number_counts_for_nothing() -> None:
    ranking, g = Ranking((0.2, 0.3, 0.5)), torch.Generator().manual_seed(0)
    outputs, inputs = torch.randn(30, 20, generator=g), torch.randn(30, 10, generator=g)
    for name in ("layers.0.good", "layers.0.bad"):
        ranking.observe(name, outputs, inputs * (math.nan if name.endswith("bad") else 1))
    assert not ranking.take(0)
    assert ranking.places() == []
    for name in ("layers.0.good", "layers.0.bad"):
        ranking.observe(name, outputs, inputs)
    assert ranking.take(0)
    exact = (outputs.T @ inputs).double().square().sum().item()
    assert [place.sensitivity for place in ranking.places()] == pytest.approx([exact, exact], rel=1e-5)
    assert all(math.isfinite(share) for entry in ranking.entries(by_layer=False) for share in entry["spectrum"])


def test_an_order_is_stable_once_six_looks_in_a_row_have_seen_it() -> None:
    ranking, loud, quiet = Ranking((1.0, 1.0, 1.0)), torch.full((4, 4), 3.0), torch.full((4, 4), 1.0)

    def look(first: torch.Tensor, second: torch.Tensor) -> bool:
        ranking.observe("layers.0.first", first, first)
        ranking.observe("layers.0.second", second, second)
        ranking.take(0)
        return ranking.is_stable(1)

    assert [look(loud, quiet) for _ in range(7)] == [False] * 5 + [True] * 2
    assert not look(quiet, 10 * loud), "the other leads now"
    assert [look(quiet, loud) for _ in range(6)] == [False] * 4 + [True] * 2


def test_the_squared_norm_is_exact_whichever_way_is_cheaper() -> None:
    g = torch.Generator().manual_seed(3)
    for tokens in (1, 50, 700):  # blocks of tokens; more tokens than the matrix is worth
        shared = Inputs(torch.randn(tokens, 96, generator=g))
        for width in (8, 130):
            gradient = WeightGradient(torch.randn(tokens, width, generator=g), shared)
            exact = (gradient.outputs.double().T @ shared.matrix.double()).square().sum().item()
            assert gradient.square().item() == pytest.approx(exact, rel=1e-6)


class _NoFloat64(TorchDispatchMode):
    """Metal, which refuses to make such numbers."""

    def __torch_dispatch__(self, function: Any, _types: Any, arguments: Any = (), named: Any = None) -> Any:
        result = function(*arguments, **(named or {}))
        assert not isinstance(result, torch.Tensor) or result.dtype != torch.float64
        return result


@pytest.mark.parametrize("tokens", [5, 400])
def test_what_is_measured_on_the_device_is_no_wider_than_float32(tokens: int) -> None:
    outputs, inputs = torch.randn(tokens, 24), torch.randn(tokens, 32)
    with _NoFloat64():
        seen = ModuleStatistics().measure(WeightGradient(outputs, Inputs(inputs)))
    wanted = (outputs.T.double() @ inputs.double()).square().sum()
    torch.testing.assert_close(seen.square.double(), wanted, rtol=1e-5, atol=0)


def test_the_signal_is_the_square_of_the_mean_less_what_the_draws_noise_adds() -> None:
    """Bands of unequal counts; that of one draw tells no noise and counts for nothing."""
    draw, weights = torch.Generator().manual_seed(2), (0.2, 0.5, 0.3)
    sketches = [torch.randn(count, 8, 8, generator=draw) + 1 for count in (5, 3, 1)]
    statistics = ModuleStatistics(
        squares=tuple([1.0] * len(band) for band in sketches),
        sketches={number: band.sum(dim=0) for number, band in enumerate(sketches)},
        sketch_squares=[float(band.square().sum()) for band in sketches],
    )
    shares = [weight / 0.7 for weight in weights[:2]]
    mean = sum(share * band.mean(dim=0) for share, band in zip(shares, sketches, strict=False))
    noise = sum(share**2 * band.var(dim=0).sum() / len(band) for share, band in zip(shares, sketches, strict=False))
    assert statistics.signal(weights) == pytest.approx(float(torch.as_tensor(mean).square().sum() - noise), rel=1e-5)
    backwards = ModuleStatistics(squares=([1.0] * 2, [], []), sketches={0: torch.zeros(8, 8)}, sketch_squares=[9.0] * 3)
    assert backwards.signal(weights) == 0, "a square is not below zero"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_square_of_a_long_songs_gradient_is_that_of_the_matrix(dtype: torch.dtype) -> None:
    """By pairs of tokens, in several blocks; nothing is summed in less than float32."""
    draw = torch.Generator().manual_seed(3)
    outputs, inputs = (torch.randn(200, size, generator=draw).to(dtype) for size in (300, 280))
    square = WeightGradient(outputs, Inputs(inputs)).square()
    assert square.item() == pytest.approx((outputs.float().T @ inputs.float()).square().sum().item(), rel=1e-5)


def test_a_sketch_keeps_the_norm_of_a_gradient_whatever_its_symmetry() -> None:
    identity = torch.eye(256)
    sketch = ModuleStatistics().measure(WeightGradient(identity, Inputs(identity))).sketch
    assert sketch.square().sum().item() == pytest.approx(256, rel=0.2)
