"""Parameters of the DiT and of its adapters, against the published models and PEFT."""

import pytest
from pydantic import ValidationError

from sidestep_tui.config.adapter import (
    AdapterSettings,
    DoraSettings,
    LohaSettings,
    LokrSettings,
    LoraSettings,
    OftSettings,
    TargetSettings,
)
from sidestep_tui.config.dit_shape import (
    SHAPE_2B,
    SHAPE_XL,
    DitShape,
    Linear,
    adapted_modules,
    adapter_parameters,
    kronecker_cut,
    module_parameters,
)
from sidestep_tui.config.target_modules import chosen_layers


def test_published_parameter_counts() -> None:
    assert SHAPE_2B.parameters == 1_575_458_880
    assert SHAPE_XL.parameters == 4_168_897_088


def test_published_lora_count() -> None:
    adapter = LoraSettings(rank=64, targets=TargetSettings(mlp=False))
    assert adapter_parameters(SHAPE_2B, adapter) == 44_040_192
    assert sum(len(layer) for layer in adapted_modules(SHAPE_2B, adapter.targets)) * 2 == 384


def test_shape_from_a_config_of_either_layout() -> None:
    config = {
        "hidden_size": 2560, "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
        "head_dim": 128, "intermediate_size": 9728, "encoder_hidden_size": 2048,
    }  # fmt: skip
    assert DitShape.from_config(config) == SHAPE_XL


def test_ranges_of_layers_that_go_downwards_are_refused_and_not_left_out() -> None:
    assert TargetSettings(layers="0-3,5-9").layers == "0-3,5-9"
    with pytest.raises(ValueError, match="the layers 9-5 go downwards; write 5-9"):
        TargetSettings(layers="0-3,9-5")


@pytest.mark.parametrize(
    ("text", "layers"), [("all", {0, 1, 2, 3}), ("0-1,3", {0, 1, 3}), ("2", {2}), ("3-9", {3}), ("2-1", set())]
)
def test_chosen_layers(text: str, layers: set[int]) -> None:
    assert chosen_layers(text, 4) == layers


@pytest.mark.parametrize("text", ["0-10000", "0-99999999999", "1" * 5000], ids=("one", "many", "long"))
def test_layers_beyond_any_model_are_refused_before_they_are_counted(text: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        TargetSettings(layers=text)


def test_explicit_modules_replace_the_choices() -> None:
    targets = TargetSettings(modules=("layers.3.self_attn.q_proj", "layers.5.mlp.up_proj"))
    chosen = {(layer, m.name) for layer, mods in enumerate(adapted_modules(SHAPE_2B, targets)) for m in mods}
    assert chosen == {(3, "self_attn.q_proj"), (5, "mlp.up_proj")}


ADAPTERS: tuple[AdapterSettings, ...] = (
    LoraSettings(rank=8),
    DoraSettings(rank=8),
    LokrSettings(rank=2),
    LokrSettings(rank=8, factor=4),
    LokrSettings(rank=1000),
    LohaSettings(rank=4),
    OftSettings(block_size=8),
)


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: f"{adapter.family}")
@pytest.mark.parametrize("sizes", [(64, 64), (64, 176), (176, 64)])
def test_adapter_parameters_are_those_that_peft_makes(adapter: AdapterSettings, sizes: tuple[int, int]) -> None:
    import torch
    from peft import LoHaConfig, LoKrConfig, LoraConfig, OFTConfig, inject_adapter_in_model

    match adapter:
        case LoraSettings():
            config = LoraConfig(r=adapter.rank, use_dora=isinstance(adapter, DoraSettings), target_modules=["0"])
        case LokrSettings():
            config = LoKrConfig(r=adapter.rank, decompose_factor=adapter.factor, target_modules=["0"])
        case LohaSettings():
            config = LoHaConfig(r=adapter.rank, target_modules=["0"])
        case OftSettings():
            config = OFTConfig(r=0, oft_block_size=adapter.block_size, target_modules=["0"])
    model = inject_adapter_in_model(config, torch.nn.Sequential(torch.nn.Linear(*sizes, bias=False)))
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert module_parameters(Linear("0", *sizes), adapter) == trainable


def test_kronecker_cut_is_nearly_square_or_the_factor() -> None:
    assert kronecker_cut(2048, -1) == (32, 64)
    assert kronecker_cut(2560, -1) == (40, 64)
    assert kronecker_cut(2048, 16) == (16, 128)
    assert kronecker_cut(127, -1) == (1, 127)
