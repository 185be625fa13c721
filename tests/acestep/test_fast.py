"""The fast blocks against diffusers' blocks and PEFT's layers: outputs and adapter gradients, for every family."""

import copy
from typing import Any

import pytest
import torch
from diffusers import AceStepTransformer1DModel
from peft import LoHaConfig, LoKrConfig, LoraConfig, OFTConfig, PeftConfig, inject_adapter_in_model
from peft.tuners.lora.layer import Linear as LoraLinear
from torch import nn

from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.acestep.fast_lora import FastLoraLinear, lora_linear, use_fast_lora
from sidestep_tui.acestep.velocity import velocity
from tests.acestep.test_attention import make_inputs, make_transformer

TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "gate_proj", "up_proj", "down_proj"]
FAMILIES: dict[str, PeftConfig] = {
    # Of rank 4 the gradients go through the factors, of rank 64 through that of the whole update.
    "lora": LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS, init_lora_weights=False),
    "wide lora": LoraConfig(r=64, lora_alpha=8, target_modules=TARGETS, init_lora_weights=False),
    "some modules": LoraConfig(r=4, target_modules=["to_q", "up_proj"], init_lora_weights=False),
    "dora": LoraConfig(r=4, use_dora=True, target_modules=TARGETS, init_lora_weights=False),
    "lokr": LoKrConfig(r=4, target_modules=TARGETS, init_weights=False),
    "loha": LoHaConfig(r=4, target_modules=TARGETS, init_weights=False),
    "oft": OFTConfig(r=0, oft_block_size=8, target_modules=TARGETS, init_weights=False),
}


def make_pair(config: PeftConfig, layers: int = 4) -> tuple[AceStepTransformer1DModel, AceStepTransformer1DModel]:
    """The same adapter on diffusers' own blocks and on ours."""
    torch.manual_seed(1)
    reference = make_transformer(banded=False, layers=layers).requires_grad_(False)
    inject_adapter_in_model(copy.deepcopy(config), reference)
    fast = copy.deepcopy(reference)
    use_fast_blocks(fast)
    return reference, fast


def outcome(transformer: nn.Module, inputs: dict[str, Any]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    transformer.zero_grad()
    predicted = velocity(transformer, **inputs)
    predicted.square().mean().backward()
    gradients = {n: p.grad.clone() for n, p in transformer.named_parameters() if p.grad is not None}
    return predicted.detach(), gradients


def assert_same(reference: nn.Module, fast: nn.Module, inputs: dict[str, Any]) -> None:
    (wanted, wanted_gradients), (found, found_gradients) = outcome(reference, inputs), outcome(fast, inputs)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    assert found_gradients.keys() == wanted_gradients.keys() != set()
    for name, gradient in wanted_gradients.items():
        torch.testing.assert_close(found_gradients[name], gradient, atol=1e-5, rtol=1e-4, msg=name)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("frames", [9, 67])
def test_same_velocity_and_gradients_as_diffusers_and_peft(family: str, frames: int) -> None:
    assert_same(*make_pair(FAMILIES[family]), make_inputs(2, frames))


def test_same_with_checkpointing() -> None:
    from sidestep_tui.engine.memory.recompute import use_checkpointing

    reference, fast = make_pair(FAMILIES["lora"])
    use_checkpointing(fast, "all")
    assert_same(reference, fast, make_inputs(1, 67))


def test_same_in_an_unequal_batch() -> None:
    reference, fast = make_pair(FAMILIES["lora"])
    inputs = make_inputs(2, 50)
    lengths, condition_lengths = [50, 33], [3, 5]
    found = velocity(fast, **inputs, lengths=torch.tensor(lengths), condition_lengths=torch.tensor(condition_lengths))
    for index, (frames, tokens) in enumerate(zip(lengths, condition_lengths, strict=True)):
        x_t, t, condition, context = (inputs[name][index : index + 1] for name in ("x_t", "t", "condition", "context"))
        alone = velocity(reference, x_t[:, :frames], t, condition[:, :tokens], context[:, :frames])[0]
        torch.testing.assert_close(found[index, :frames], alone, atol=1e-5, rtol=1e-5)


def test_dropout_draws_as_pefts_own_layer_does() -> None:
    _, fast = make_pair(LoraConfig(r=4, lora_dropout=0.5, target_modules=TARGETS, init_lora_weights=False))
    reference = copy.deepcopy(fast)  # diffusers' own blocks lay activations out column by column, and draw so
    use_fast_blocks(reference)
    for module in reference.modules():
        if type(module) is FastLoraLinear:
            module.__class__ = LoraLinear
    inputs = make_inputs(1, 9)
    drawn = []
    for transformer in (reference.train(), fast.train()):
        torch.manual_seed(3)
        drawn.append(velocity(transformer, **inputs))
    torch.testing.assert_close(drawn[1], drawn[0], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(velocity(fast, **inputs), drawn[1], atol=1e-3)


def test_switching_off_scaling_and_merging_still_work() -> None:
    reference, fast = make_pair(FAMILIES["lora"])
    inputs = make_inputs(1, 9)

    def on_all(change: str, *arguments: Any) -> None:
        for transformer in (reference, fast):
            for module in transformer.modules():
                if hasattr(module, "lora_A") and hasattr(module, change):
                    getattr(module, change)(*arguments)
        torch.testing.assert_close(velocity(fast, **inputs), velocity(reference, **inputs), atol=1e-5, rtol=1e-5)

    on_all("set_scale", "default", 0.25)
    on_all("merge")
    on_all("unmerge")
    on_all("enable_adapters", False)


def test_only_layers_that_are_understood_are_replaced() -> None:
    counts: dict[str, int] = {}
    for family in ("lora", "dora", "lokr"):
        transformer = make_transformer(banded=False).requires_grad_(False)
        inject_adapter_in_model(copy.deepcopy(FAMILIES[family]), transformer)
        counts[family] = use_fast_lora(transformer)
    for name, biased, config in (("base bias", True, {}), ("own bias", False, {"lora_bias": True})):
        layer = nn.Sequential(nn.Linear(8, 8, bias=biased))
        inject_adapter_in_model(LoraConfig(r=2, target_modules=["0"], **config), layer)
        counts[name] = use_fast_lora(layer)
    assert counts == {"lora": 4 * 11, "dora": 0, "lokr": 0, "base bias": 0, "own bias": 0}


def test_two_adapters_that_are_active_both_count() -> None:
    layer, x = nn.Sequential(nn.Linear(8, 8, bias=False)), torch.randn(3, 8)
    for name in ("default", "other"):
        inject_adapter_in_model(LoraConfig(r=2, target_modules=["0"], init_lora_weights=False), layer, name)
    layer[0].set_adapter(["default", "other"])
    wanted = layer(x)
    assert use_fast_lora(layer) == 1
    torch.testing.assert_close(layer(x), wanted)


def test_unfrozen_norms_are_refused() -> None:
    with pytest.raises(ValueError, match="must be frozen"):
        use_fast_blocks(make_transformer(banded=False))


def test_keeps_less_than_pefts_layers_below_float32() -> None:
    def kept(transformer: nn.Module) -> int:
        sizes: dict[int, int] = {}
        alive: list[torch.Tensor] = []  # an address names a storage only while the storage lives

        def remember(tensor: torch.Tensor) -> torch.Tensor:
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            alive.append(tensor)
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(remember, lambda tensor: tensor)
        with hooks, torch.autocast("cpu", torch.bfloat16):
            output = velocity(transformer, **make_inputs(1, 400))
        assert output.requires_grad
        return sum(sizes.values())

    reference, fast = (transformer.bfloat16() for transformer in make_pair(FAMILIES["lora"]))
    assert kept(fast) < 0.7 * kept(reference)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_small_update_is_not_rounded_away(dtype: torch.dtype) -> None:
    weight = torch.ones(16, 8, dtype=dtype)
    x = torch.tensor([[1.0, -1, 1, -1, 1, -1, 1, -1]], dtype=dtype)
    lora_a, lora_b = torch.zeros(2, 8), torch.full((16, 2), 1e-4)
    lora_a[:, 0] = 1.0
    found = lora_linear(x, weight, lora_a, lora_b, 2.0)
    torch.testing.assert_close(found.float(), torch.full((1, 16), 4e-4), rtol=1e-2, atol=1e-6)


def test_low_precision_gradients_are_close_and_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    fill = torch.Tensor.new_empty
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda tensor, *size: fill(tensor, *size).fill_(torch.nan))
    draw = torch.Generator().manual_seed(0)
    weight = torch.randn(24, 16, generator=draw)
    inputs = [torch.randn(*size, generator=draw, requires_grad=True) for size in ((40, 16), (4, 16), (24, 4))]
    x, *factors = inputs
    exact = torch.autograd.grad((x @ (weight + 0.5 * factors[1] @ factors[0]).T).square().mean(), inputs)
    output = lora_linear(x.bfloat16(), weight.bfloat16(), *factors, 0.5)
    assert output.dtype == torch.bfloat16
    for found, wanted in zip(torch.autograd.grad(output.float().square().mean(), inputs), exact, strict=True):
        assert found.dtype == torch.float32
        assert (found - wanted).norm() < 0.02 * wanted.norm()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_same_on_a_card(dtype: torch.dtype) -> None:
    reference, fast = (transformer.to("cuda", dtype) for transformer in make_pair(FAMILIES["lora"]))
    inputs = make_inputs(2, 67)
    with torch.autocast("cuda", torch.bfloat16, enabled=dtype == torch.bfloat16):
        (wanted, wanted_gradients), (found, found_gradients) = outcome(reference, inputs), outcome(fast, inputs)
    tolerance = 1e-3 if dtype == torch.float32 else 5e-2
    assert (found - wanted).float().norm() < tolerance * wanted.float().norm()
    for name, gradient in wanted_gradients.items():
        assert (found_gradients[name] - gradient).norm() < 4 * tolerance * gradient.norm(), name
