"""Adapters on a model whose weights are in half precision: what is trained and what is loaded stays in float32."""

from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from sidestep_tui.acestep import Checkpoint, open_checkpoint
from sidestep_tui.acestep.quantised import quantise_blocks
from sidestep_tui.config.generate import WeightedAdapter
from sidestep_tui.engine.adapters.adapter import adapter_weights, inject_new, read_adapter, save_adapter
from sidestep_tui.engine.adapters.targets import choose_targets
from sidestep_tui.engine.export.formats import FORMATS
from sidestep_tui.engine.export.modules import split_modules
from sidestep_tui.engine.generate.adapter import apply_adapters
from sidestep_tui.errors import SidestepError
from tests.engine.families import FAMILIES


@pytest.fixture
def checkpoint(turbo: Path) -> Checkpoint:
    return open_checkpoint(turbo)


def _adapted(checkpoint: Checkpoint, name: str, dtype: torch.dtype, weights: Any = "full") -> tuple[nn.Module, Any]:
    transformer = checkpoint.load_transformer("cpu", dtype)
    if weights != "full":
        quantise_blocks(transformer, weights)
    return transformer, inject_new(transformer, FAMILIES[name], choose_targets(FAMILIES[name], checkpoint.config), 3)


def _trained(checkpoint: Checkpoint, name: str, folder: Path) -> dict[str, Tensor]:
    """An adapter folder of numbers that bfloat16 cannot hold; gives them."""
    transformer, config = _adapted(checkpoint, name, torch.float32)
    draw = torch.Generator().manual_seed(1)
    weights = {
        key: value + 0.01 * torch.randn(value.shape, generator=draw)
        for key, value in adapter_weights(transformer).items()
    }
    save_adapter(folder, config, weights, "tiny")
    return weights


def test_a_fresh_adapter_is_its_seeds_and_no_other_draw_is_disturbed(checkpoint: Checkpoint) -> None:
    drawn, settings = [], FAMILIES["lora"]
    for elsewhere, seed in ((1, 3), (2, 3), (2, 4)):
        transformer = checkpoint.load_transformer("cpu", torch.float32)
        torch.manual_seed(elsewhere)
        before = torch.get_rng_state()
        inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed)
        assert torch.equal(torch.get_rng_state(), before)
        drawn.append(adapter_weights(transformer)["base_model.model.layers.0.self_attn.q_proj.lora_A.weight"])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[1], drawn[2])


def test_an_adapter_that_is_no_number_is_not_read(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """A run would go on from it, and a checkpoint of it is passed over."""
    transformer, config = _adapted(checkpoint, "lora", torch.float32)
    weights = adapter_weights(transformer)
    save_adapter(tmp_path, config, weights | {next(iter(weights)): torch.full((4, 64), torch.nan)}, "tiny")
    with pytest.raises(SidestepError, match=r"Not a number in the adapter: base_model\.model\.layers\.0"):
        read_adapter(tmp_path)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_saved_adapter_keeps_its_numbers_on_a_model_in_half_precision(
    checkpoint: Checkpoint, name: str, tmp_path: Path
) -> None:
    saved = _trained(checkpoint, name, tmp_path)
    transformer = checkpoint.load_transformer("cpu", torch.bfloat16)
    apply_adapters(transformer, [WeightedAdapter(path=tmp_path)])
    loaded = adapter_weights(transformer)
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[key], saved[key]) for key in saved)


@pytest.mark.parametrize(("name", "form"), [("lora", "comfyui"), ("lora", "diffusers"), ("dora", "diffusers")])
def test_so_does_an_exported_one(checkpoint: Checkpoint, name: str, form: Any, tmp_path: Path) -> None:
    _trained(checkpoint, name, tmp_path / "trained")
    (tmp_path / "exported").mkdir()
    file = read_adapter(tmp_path / "trained")
    FORMATS[form].write(tmp_path / "exported", file, split_modules(file), torch.float32)
    wide, narrow = (checkpoint.load_transformer("cpu", dtype) for dtype in (torch.float32, torch.bfloat16))
    for transformer in (wide, narrow):
        apply_adapters(transformer, [WeightedAdapter(path=tmp_path / "exported")])
    wanted, found = adapter_weights(wide), adapter_weights(narrow)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize("weights", ["full", "int8"])
def test_dora_begins_with_the_lengths_of_the_rows_in_any_precision(checkpoint: Checkpoint, weights: str) -> None:
    transformer, _ = _adapted(checkpoint, "dora", torch.bfloat16, weights)
    layers = [module for module in transformer.modules() if isinstance(module, LoraLayer)]
    assert layers
    for layer in layers:
        lengths = layer.get_base_layer().weight.float().norm(dim=1)
        torch.testing.assert_close(layer.lora_magnitude_vector["default"].weight, lengths, rtol=1e-6, atol=0)
