"""Exports in the hands of their consumers: PEFT and LyCORIS themselves, and ComfyUI's rules restated as a table."""

import contextlib
import copy
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.engine.adapters.adapter import load_adapter
from sidestep_tui.engine.adapters.place import LYCORIS_FILE
from sidestep_tui.engine.adapters.targets import all_targets
from tests.engine.conftest import trained
from tests.engine.export.families import EXPORTED

OWN_RANKS = {"layers.0.mlp.up_proj": (2, 9.0), "layers.1.self_attn.q_proj": (3, 1.5)}


def original_decoder(model: Path) -> nn.Module:
    """ACE-Step's decoder as its consumers see it: `layers.N.self_attn.q_proj` … as plain linear modules."""
    checkpoint = open_checkpoint(model)
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    root = nn.Module()
    for name in all_targets(checkpoint.config):
        *path, leaf = name.split(".")
        parent = root
        for part in path:
            if part not in dict(parent.named_children()):
                parent.add_module(part, nn.Module())
            parent = parent.get_submodule(part)
        parent.add_module(leaf, copy.deepcopy(transformer.get_submodule(to_diffusers(name))))
    return root


def weights_of(decoder: nn.Module) -> dict[str, Tensor]:
    """The weights of the linear modules by original module name."""
    return {
        name: module.weight.detach().clone() for name, module in decoder.named_modules() if type(module) is nn.Linear
    }


def weights_in_use(decoder: nn.Module) -> dict[str, Tensor]:
    """What the linear modules multiply by, adapters and all: their answers to unit vectors."""
    with torch.no_grad():
        return {
            name: module(torch.eye(module.in_features)).T
            for name, module in decoder.named_modules()
            if type(module) is nn.Linear
        }


def trained_weights(model: Path, adapter: Path) -> dict[str, Tensor]:
    """What training's own modules do: every adapted weight after PEFT merged the adapter that was trained."""
    checkpoint = open_checkpoint(model)
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    load_adapter(transformer, adapter)
    merged = {}
    for name in all_targets(checkpoint.config):
        layer = transformer.get_submodule(to_diffusers(name))
        layer.merge()
        merged[name] = layer.get_base_layer().weight.detach().clone()
    return merged


def assert_same_change(base: dict[str, Tensor], wanted: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    """Every module's change equals the trained one, and there is one."""
    assert base.keys() == wanted.keys() == found.keys()
    for name, weight in base.items():
        change = (wanted[name] - weight).norm()
        assert change > 1e-3 * weight.norm(), name
        assert (found[name] - wanted[name]).norm() < 1e-5 * change, name


@pytest.fixture
def exported(engine: Any, turbo: Path, tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Trains (random weights) and exports an adapter of a family: the adapter's folder and the export's."""

    def make(family: str, form: str, own: dict[str, tuple[int, float]] | None = None) -> tuple[Path, Path]:
        adapter = trained(turbo, tmp_path / "adapter", EXPORTED[family], own)
        output = tmp_path / "exported"
        engine.run("export", "export", {"adapter": str(adapter), "output": str(output), "format": form})
        return adapter, output

    return make


@pytest.mark.parametrize(
    ("family", "own"),
    [*((name, None) for name in EXPORTED), ("lora", OWN_RANKS), ("dora", OWN_RANKS), ("loha", OWN_RANKS)],
)
def test_peft_loads_the_folder_onto_the_original_modules(
    exported: Callable[..., tuple[Path, Path]], turbo: Path, family: str, own: dict[str, tuple[int, float]] | None
) -> None:
    from peft import PeftModel

    adapter, output = exported(family, "peft", own)
    decoder = original_decoder(turbo)
    base = weights_of(decoder)
    merged = PeftModel.from_pretrained(decoder, output, is_trainable=False).merge_and_unload()
    assert_same_change(base, trained_weights(turbo, adapter), weights_of(merged))


@pytest.mark.parametrize(("family", "own"), [("lokr", None), ("lokr, whole factors", None), ("loha", OWN_RANKS)])
def test_lycoris_rebuilds_its_network_from_the_file(
    exported: Callable[..., tuple[Path, Path]], turbo: Path, family: str, own: dict[str, tuple[int, float]] | None
) -> None:
    from lycoris import create_lycoris_from_weights

    adapter, output = exported(family, "lycoris", own)
    decoder = original_decoder(turbo)
    base = weights_of(decoder)
    network, _ = create_lycoris_from_weights(1.0, str(output / LYCORIS_FILE), decoder)
    assert len(network.loras) == len(base)
    wanted = trained_weights(turbo, adapter)
    network.apply_to()
    assert_same_change(base, wanted, weights_in_use(decoder))
    network.restore()
    network.merge_to()
    assert_same_change(base, wanted, weights_of(decoder))


@pytest.mark.parametrize("family", ["lokr", "lokr, whole factors"])
def test_lycoris_rebuilds_its_network_from_the_metadata(
    exported: Callable[..., tuple[Path, Path]], turbo: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    """ACE-Step's application as it was at first: a network made from `lokr_config`, then filled."""
    from lycoris import LycorisNetwork, create_lycoris

    adapter, output = exported(family, "lycoris")
    with safe_open(output / LYCORIS_FILE, "pt") as stored:
        config = json.loads(stored.metadata()["lokr_config"])
    for name in ("TARGET_REPLACE_MODULE", "TARGET_REPLACE_NAME", "ENABLE_CONV"):
        monkeypatch.setattr(LycorisNetwork, name, getattr(LycorisNetwork, name))  # class attributes, put back later
    LycorisNetwork.apply_preset({"target_name": config.pop("target_modules")})
    decoder = original_decoder(turbo)
    base = weights_of(decoder)
    with contextlib.redirect_stdout(io.StringIO()):
        network = create_lycoris(decoder, 1.0, algo="lokr", **config)
    network.apply_to()
    assert network.load_weights(str(output / LYCORIS_FILE)) == {}
    assert_same_change(base, trained_weights(turbo, adapter), weights_in_use(decoder))


def comfyui_names(modules: dict[str, Tensor]) -> dict[str, str]:
    """ComfyUI's table for ACE-Step 1.5 (`comfy/lora.py`, `model_lora_keys_unet`): stem in a file -> module."""
    return {f"base_model.model.{name}": name for name in modules} | {
        f"lycoris_{name.replace('.', '_')}": name for name in modules
    }


def comfyui_delta(stem: str, tensors: dict[str, Tensor]) -> Tensor:
    """What ComfyUI adds to a weight, taking the keys that it knows (`comfy/weight_adapter/{lora,loha,lokr}.py`)."""

    def take(name: str) -> Tensor | None:
        return tensors.pop(f"{stem}.{name}", None)

    alpha = take("alpha")

    def scale(rank: int | None) -> float:
        return 1.0 if alpha is None or rank is None else float(alpha) / rank

    if (up := take("lora_up.weight")) is not None and (down := take("lora_down.weight")) is not None:
        return scale(len(down)) * up @ down
    if f"{stem}.hada_w1_a" in tensors:
        first_a, first_b, second_a, second_b = (take(f"hada_w{n}") for n in ("1_a", "1_b", "2_a", "2_b"))
        return scale(len(first_b)) * (first_a @ first_b) * (second_a @ second_b)
    rank, factors = None, []
    for name in ("lokr_w1", "lokr_w2"):
        whole, a, b = take(name), take(f"{name}_a"), take(f"{name}_b")
        rank = rank if b is None else len(b)
        factors.append(a @ b if whole is None else whole)
    return scale(rank) * torch.kron(*factors)


@pytest.mark.parametrize(
    ("family", "own"),
    [
        ("lora", None),
        ("lora, rank-stabilised", None),
        ("lora", OWN_RANKS),
        ("lokr", None),
        ("lokr, whole factors", None),
        ("loha", OWN_RANKS),
    ],
)
def test_comfyui_finds_every_key_and_every_module(
    exported: Callable[..., tuple[Path, Path]], turbo: Path, family: str, own: dict[str, tuple[int, float]] | None
) -> None:
    adapter, output = exported(family, "comfyui", own)
    base = weights_of(original_decoder(turbo))
    tensors = load_file(output / f"{output.name}.safetensors")
    found = {
        name: base[name] + comfyui_delta(stem, tensors)
        for stem, name in comfyui_names(base).items()
        if any(key.startswith(f"{stem}.") for key in tensors)
    }
    assert tensors == {}, "keys that ComfyUI would report as not loaded"
    assert_same_change(base, trained_weights(turbo, adapter), found)
