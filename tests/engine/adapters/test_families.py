"""One table for all adapter families, and resumption to the same bits for every family and optimizer."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AceStepTransformer1DModel
from peft.tuners.tuners_utils import BaseTunerLayer
from pydantic import TypeAdapter
from safetensors.torch import load_file, save_file

from sidestep_tui.acestep import Checkpoint, open_checkpoint
from sidestep_tui.acestep.attention import use_banded_attention
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.adapter import AdapterBase, AdapterSettings
from sidestep_tui.config.optimisation import DEFAULT_RATES, OptimizerSettings
from sidestep_tui.engine.adapters.adapter import (
    adapter_weights,
    inject_new,
    load_adapter,
    save_adapter,
    set_scale,
    trainable,
)
from sidestep_tui.engine.adapters.targets import choose_targets
from sidestep_tui.engine.training.optimizer import build_optimizer, set_rate
from sidestep_tui.errors import SidestepError
from tests.engine.conftest import Engine

FAMILIES: dict[str, dict[str, Any]] = {
    "lora": {"family": "lora", "rank": 4, "alpha": 8},
    "lora of other ranks": {"family": "lora", "rank": 3, "alpha": 5, "rank_stabilised": True, "b_rate_ratio": 4},
    "dora": {"family": "dora", "rank": 4, "alpha": 8},
    "lokr": {"family": "lokr", "rank": 4, "alpha": 8},
    "loha": {"family": "loha", "rank": 4, "alpha": 8},
    "oft": {"family": "oft", "block_size": 8},
}
OPTIMIZERS = [name for name in DEFAULT_RATES if name != "adamw8bit"]


def _settings(name: str) -> AdapterBase:
    settings: AdapterBase = TypeAdapter(AdapterSettings).validate_python(FAMILIES[name])
    return settings


@pytest.fixture
def checkpoint(turbo: Path) -> Checkpoint:
    return open_checkpoint(turbo)


def _model(checkpoint: Checkpoint) -> AceStepTransformer1DModel:
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    use_banded_attention(transformer)
    return transformer


def _adapted(checkpoint: Checkpoint, name: str) -> tuple[AceStepTransformer1DModel, Any]:
    transformer, settings = _model(checkpoint), _settings(name)
    return transformer, inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed=3)


def _velocity(transformer: AceStepTransformer1DModel) -> torch.Tensor:
    g = torch.Generator().manual_seed(5)
    x, condition = torch.randn(2, 31, 64, generator=g), torch.randn(2, 11, 64, generator=g)
    return velocity(transformer, x, torch.tensor([0.3, 0.8]), condition, torch.randn(2, 31, 128, generator=g))


def _learn(transformer: AceStepTransformer1DModel, name: str, steps: int = 3) -> float:
    """A few steps on a fixed target; gives the norm of the velocity's change by the first, per unit of the rate."""
    before, rate = _velocity(transformer).detach(), 1e-4
    parameters = trainable(transformer)
    optimizer = build_optimizer(parameters, OptimizerSettings(learning_rate=rate), _settings(name))
    moved = 0.0
    for step in range(steps):
        set_rate(optimizer, 1.0)
        _velocity(transformer).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        if step == 0:
            moved = (_velocity(transformer) - before).norm().item() / rate
    return moved


@pytest.mark.parametrize("name", FAMILIES)
class TestEveryFamily:
    def test_changes_nothing_before_it_learns(self, checkpoint: Checkpoint, name: str) -> None:
        transformer, _ = _adapted(checkpoint, name)
        torch.testing.assert_close(_velocity(transformer), _velocity(_model(checkpoint)), atol=1e-6, rtol=1e-5)

    def test_only_the_adapter_gets_gradients(self, checkpoint: Checkpoint, name: str) -> None:
        transformer, _ = _adapted(checkpoint, name)
        _velocity(transformer).square().mean().backward()
        asked = trainable(transformer)
        assert asked
        assert {parameter.dtype for parameter in asked.values()} == {torch.float32}
        with_gradient = {n for n, p in transformer.named_parameters() if p.grad is not None}
        assert with_gradient == set(asked)
        assert sum(float(p.grad.abs().sum()) for p in asked.values() if p.grad is not None) > 0

    @pytest.mark.parametrize(
        "device",
        [
            "meta",  # which stands for any that is not the CPU
            pytest.param(
                "cuda",
                marks=[
                    pytest.mark.cuda,
                    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
                ],
            ),
        ],
    )
    def test_every_trainable_is_where_the_model_is(self, checkpoint: Checkpoint, name: str, device: str) -> None:
        settings = _settings(name)
        transformer = checkpoint.load_transformer("cpu", torch.bfloat16).to(device)
        inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed=3)
        places = {(parameter.device.type, parameter.dtype) for parameter in trainable(transformer).values()}
        assert places == {(device, torch.float32)}

    def test_what_is_saved_loads_to_the_same_output(self, checkpoint: Checkpoint, name: str, tmp_path: Path) -> None:
        transformer, config = _adapted(checkpoint, name)
        _learn(transformer, name)
        save_adapter(tmp_path, config, adapter_weights(transformer), "acestep-v15-turbo")
        again = _model(checkpoint)
        load_adapter(again, tmp_path)
        torch.testing.assert_close(_velocity(again), _velocity(transformer), atol=1e-5, rtol=0)
        assert (_velocity(again) - _velocity(_model(checkpoint))).abs().max() > 1e-5
        size = (tmp_path / "adapter_model.safetensors").stat().st_size
        assert size < 1.2 * sum(p.numel() for p in trainable(transformer).values()) * 4 + 60_000

    def test_merged_equals_unmerged(self, checkpoint: Checkpoint, name: str) -> None:
        transformer, _ = _adapted(checkpoint, name)
        _learn(transformer, name)
        apart = _velocity(transformer)
        for module in transformer.modules():
            if isinstance(module, BaseTunerLayer):
                module.merge()
        torch.testing.assert_close(_velocity(transformer), apart, atol=5e-5, rtol=1e-4)

    def test_a_missing_or_foreign_key_is_named(self, checkpoint: Checkpoint, name: str, tmp_path: Path) -> None:
        transformer, config = _adapted(checkpoint, name)
        weights = adapter_weights(transformer)
        first = sorted(weights)[0]
        renamed = {first.replace("layers.0", "layers.9"): weights[first]}
        for number, changes in enumerate(({}, renamed)):
            folder = tmp_path / str(number)
            save_adapter(folder, config, weights, "m")
            damaged = {key: value for key, value in weights.items() if key != first} | changes
            save_file(damaged, folder / "adapter_model.safetensors")
            with pytest.raises(SidestepError, match=r"do not fit|no weights|not those of the model"):
                load_adapter(_model(checkpoint), folder)


def test_the_first_update_is_of_one_size_for_all_families(checkpoint: Checkpoint) -> None:
    moved = {name: _learn(_adapted(checkpoint, name)[0], name, steps=1) for name in FAMILIES}
    plain = {name: value for name, value in moved.items() if name != "lora of other ranks"}
    assert all(0.1 < value / plain["lora"] < 10 for value in plain.values()), plain


def test_strength_scales_the_change(checkpoint: Checkpoint) -> None:
    transformer, _ = _adapted(checkpoint, "lora")
    _learn(transformer, "lora")
    base, whole = _velocity(_model(checkpoint)).detach(), _velocity(transformer).detach()
    set_scale(transformer, 0.0)
    torch.testing.assert_close(_velocity(transformer), base, atol=1e-6, rtol=1e-5)
    set_scale(transformer, 0.5)
    half = _velocity(transformer).detach() - base
    assert half.norm().item() == pytest.approx(((whole - base) / 2).norm().item(), rel=0.05)


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


@pytest.mark.parametrize(
    ("family", "optimizer"),
    [(family, "adamw") for family in FAMILIES] + [("lora", name) for name in OPTIMIZERS if name != "adamw"],
)
def test_resuming_gives_the_same_bits(
    engine: Engine, train_document: dict[str, Any], family: str, optimizer: str
) -> None:
    document = {
        **train_document,
        "adapter": FAMILIES[family],
        "optimizer": {"name": optimizer},
        "training": {"epochs": 2, "gradient_accumulation": 2},
        "checkpoints": {"every_steps": 3},
    }
    whole, _ = engine.run("whole", "train", document)
    resumed = engine.create("resumed", "train", document)
    shutil.copytree(whole.checkpoints / "step-00000003", resumed.checkpoints / "step-00000003")
    code, state = engine.work(resumed)
    assert code == 0, state.failure
    ours, theirs = _weights(resumed.final), _weights(whole.final)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    earlier = _weights(whole.checkpoints / "step-00000003")
    assert any(not torch.equal(theirs[key], earlier[key]) for key in theirs)


def test_eight_bit_states_say_what_they_need(
    engine: Engine, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = engine.create("8bit", "train", {**train_document, "optimizer": {"name": "adamw8bit"}})
    code, state = engine.work(run)
    assert code == 1
    assert state.failure is not None
    assert "CUDA" in state.failure.what


def test_a_run_can_start_from_an_adapter(engine: Engine, train_document: dict[str, Any], tmp_path: Path) -> None:
    first, _ = engine.run("first", "train", train_document)
    start = {**train_document["adapter"], "start_from": str(first.final)}
    document = {**train_document, "adapter": start, "optimizer": {"learning_rate": 1e-12}, "training": {"max_steps": 1}}
    second, _ = engine.run("second", "train", document)
    for key, value in _weights(first.final).items():
        torch.testing.assert_close(_weights(second.final)[key], value, atol=1e-9, rtol=1e-6)


def test_a_run_goes_on_without_the_adapter_that_it_started_from(
    engine: Engine, train_document: dict[str, Any], tmp_path: Path
) -> None:
    first, _ = engine.run("first", "train", train_document)
    shutil.copytree(first.final, tmp_path / "start")
    document = {**train_document, "adapter": {**train_document["adapter"], "start_from": str(tmp_path / "start")}}
    second = engine.create("second", "train", document)
    (second.commands / "1-stop.json").write_text('{"command": "stop"}')
    engine.work(second)
    shutil.rmtree(tmp_path / "start")
    code, state = engine.work(second)
    assert (code, state.status) == (0, "completed")


def _ranges(checkpoint: Checkpoint, **targets: Any) -> list[str]:
    settings = TypeAdapter(AdapterSettings).validate_python({"targets": targets})
    return [target.module for target in choose_targets(settings, checkpoint.config)]


def test_targets_are_chosen_by_attention_projection_layer_or_name(checkpoint: Checkpoint) -> None:
    assert len(_ranges(checkpoint)) == 44
    assert _ranges(checkpoint, attention="cross", mlp=False, projections=["q"], layers="1-2") == [
        "layers.1.cross_attn.q_proj",
        "layers.2.cross_attn.q_proj",
    ]
    assert _ranges(checkpoint, modules=["layers.3.mlp.up_proj"]) == ["layers.3.mlp.up_proj"]
    with pytest.raises(SidestepError, match="4 layers"):
        _ranges(checkpoint, layers="2-7")
    with pytest.raises(SidestepError, match=r"layers\.9\.mlp\.up_proj"):
        _ranges(checkpoint, modules=["layers.9.mlp.up_proj"])
    with pytest.raises(SidestepError, match="No module"):
        _ranges(checkpoint, attention="none", mlp=False)
    every: Callable[[], list[str]] = lambda: _ranges(checkpoint, layers="0,3")  # noqa: E731
    assert {name.split(".")[1] for name in every()} == {"0", "3"}
