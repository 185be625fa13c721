"""What adapter settings become in PEFT's layers: scales, ranks and alphas of single modules, dropout."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AceStepTransformer1DModel
from pydantic import TypeAdapter, ValidationError
from torch import nn

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.config.adapter import AdapterSettings
from sidestep_tui.config.optimisation import OptimizerSettings
from sidestep_tui.engine.adapters.adapter import inject_new, scale_of, trainable
from sidestep_tui.engine.adapters.targets import Target
from sidestep_tui.engine.training.optimizer import build_optimizer, set_rate

MODULES = ("layers.0.self_attn.q_proj", "layers.2.mlp.up_proj")
FIRST, SECOND = "layers.0.self_attn.to_q", "layers.2.mlp.up_proj"


def _adapted(turbo: Path, *targets: Target, **settings: Any) -> AceStepTransformer1DModel:
    transformer = open_checkpoint(turbo).load_transformer("cpu", torch.float32)
    inject_new(transformer, TypeAdapter(AdapterSettings).validate_python(settings), targets, seed=3)
    return transformer


@pytest.mark.parametrize("family", ["lora", "dora", "lokr", "loha"])
def test_updates_are_scaled_by_alpha_over_rank(turbo: Path, family: str) -> None:
    transformer = _adapted(turbo, *map(Target, MODULES), family=family, rank=4, alpha=12)
    for name in (FIRST, SECOND):
        assert scale_of(transformer.get_submodule(name)) == (3.0, 4)


@pytest.mark.parametrize(("family", "scale"), [("lora", 2.0), ("dora", 2.0), ("lokr", 1.0), ("loha", 1.0)])
@pytest.mark.parametrize("rank", [2, 8])
def test_the_scale_does_not_hang_on_the_rank_where_no_alpha_is_given(
    turbo: Path, family: str, scale: float, rank: int
) -> None:
    transformer = _adapted(turbo, Target(MODULES[0]), family=family, rank=rank)
    assert scale_of(transformer.get_submodule(FIRST)) == (scale, rank)


@pytest.mark.parametrize("family", ["lora", "dora"])
def test_a_stabilised_rank_counts_by_its_square_root(turbo: Path, family: str) -> None:
    transformer = _adapted(turbo, Target(MODULES[0]), family=family, rank=4, alpha=12, rank_stabilised=True)
    assert scale_of(transformer.get_submodule(FIRST)) == (6.0, 4)


@pytest.mark.parametrize("family", ["lora", "dora", "lokr", "loha"])
def test_modules_keep_a_rank_and_an_alpha_of_their_own(turbo: Path, family: str) -> None:
    targets = Target(MODULES[0], rank=2, alpha=10.0), Target(MODULES[1])
    transformer = _adapted(turbo, *targets, family=family, rank=4, alpha=12)
    assert scale_of(transformer.get_submodule(FIRST)) == (5.0, 2)
    assert scale_of(transformer.get_submodule(SECOND)) == (3.0, 4)


@pytest.mark.parametrize("family", ["lora", "dora", "lokr", "loha", "oft"])
def test_adapter_and_optimizer_are_float32_on_half_precision_weights(turbo: Path, family: str) -> None:
    """In bfloat16 a weight of 0.1 does not move at a small learning rate: its neighbours are 5e-4 away."""
    transformer = open_checkpoint(turbo).load_transformer("cpu", torch.bfloat16)
    size = {"block_size": 8} if family == "oft" else {"rank": 8, "alpha": 8}
    settings = TypeAdapter(AdapterSettings).validate_python({"family": family, **size})
    inject_new(transformer, settings, [Target(MODULES[0])], seed=3)
    adapter = trainable(transformer)
    assert {parameter.dtype for parameter in adapter.values()} == {torch.float32}
    optimizer = build_optimizer(adapter, OptimizerSettings(learning_rate=1e-5), settings)
    before = {name: parameter.detach().clone() for name, parameter in adapter.items()}
    for parameter in adapter.values():
        parameter.grad = torch.ones_like(parameter)
    set_rate(optimizer, 1.0)
    optimizer.step()
    moments = [value for state in optimizer.state.values() for value in state.values() if value.ndim]
    assert {moment.dtype for moment in moments} == {torch.float32}
    for name, parameter in adapter.items():
        assert (parameter != before[name]).all(), name


def _dropping(turbo: Path, family: str) -> tuple[nn.Module, torch.Tensor]:
    """A layer half of whose adapter is dropped in training, and inputs for it."""
    transformer = _adapted(turbo, Target(MODULES[0]), family=family, rank=8, alpha=8, dropout=0.5)
    layer = transformer.get_submodule(FIRST)
    generator = torch.Generator().manual_seed(1)
    for parameter in layer.parameters():
        if parameter.requires_grad:
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
    return layer, torch.randn(3, layer.base_layer.in_features, generator=generator)


@pytest.mark.parametrize("family", ["lora", "dora", "lokr", "loha"])
def test_dropout_is_on_in_training_alone(turbo: Path, family: str) -> None:
    layer, x = _dropping(turbo, family)

    def outputs(training: bool) -> tuple[torch.Tensor, torch.Tensor]:
        layer.train(training)
        torch.manual_seed(1)
        return layer(x), layer(x)

    assert torch.equal(*outputs(training=False))
    assert not torch.equal(*outputs(training=True))


@pytest.mark.parametrize("family", ["lora", "lokr", "loha"])
@torch.no_grad()
def test_what_is_left_stands_for_the_whole(turbo: Path, family: str) -> None:
    """In the mean over draws training has the change of the output that inference has, not a share of it."""
    layer, x = _dropping(turbo, family)
    plain, whole = layer.base_layer(x), layer.eval()(x)
    layer.train()
    torch.manual_seed(1)
    drawn = torch.stack([layer(x) for _ in range(3000)]).mean(dim=0)
    change = whole - plain
    share = ((drawn - plain) * change).sum() / change.square().sum()
    assert share.item() == pytest.approx(1.0, abs=0.03)


def test_oft_offers_no_dropout() -> None:
    """PEFT 0.21 keeps `module_dropout` and never applies it to linear layers."""
    with pytest.raises(ValidationError, match="dropout"):
        TypeAdapter(AdapterSettings).validate_python({"family": "oft", "dropout": 0.1})
