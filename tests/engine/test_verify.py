"""Verification and merging: what an adapter changes is measured, and what is wrong with a file is caught."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sidestep_tui.config.adapter import LoraSettings
from tests.engine.conftest import trained


@pytest.fixture
def models(tiny_checkpoint: Path, reference_checkpoint: Callable[[str], Path]) -> dict[str, Path]:
    names = ("acestep-v15-turbo", "acestep-v15-xl-turbo")
    return {"tiny": tiny_checkpoint, **{name: reference_checkpoint(name) for name in names}}


def document(model: Path, adapter: Path) -> dict[str, Any]:
    return {"model": {"checkpoint": str(model), "device": "cpu"}, "adapter": str(adapter)}


@pytest.mark.parametrize("form", ["peft", "diffusers", "comfyui"])
def test_an_export_is_found_equal_to_the_trained_adapter(
    engine: Any, tiny_checkpoint: Path, tmp_path: Path, form: str
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4, alpha=12))
    exported = tmp_path / "exported"
    engine.run("export", "export", {"adapter": str(adapter), "output": str(exported), "format": form})
    _, state = engine.run("verify", "verify", document(tiny_checkpoint, exported) | {"against": str(adapter)})
    assert (state.results["form"], state.results["modules"], state.results["dead_modules"]) == (form, 44, 0)
    assert state.results["velocity_change"] > 0.01
    assert state.results["largest_relative_difference"] < 1e-6
    assert Path(str(state.results["report"])).is_file()


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_rounded_export_is_held_to_its_rounding(
    engine: Any, tiny_checkpoint: Path, tmp_path: Path, precision: str
) -> None:
    adapter, exported = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4)), tmp_path / "exported"
    form = {"adapter": str(adapter), "output": str(exported), "format": "comfyui", "precision": precision}
    engine.run("export", "export", form)
    whole, rounded = document(tiny_checkpoint, adapter), document(tiny_checkpoint, exported)
    for name, settings in (
        ("there", rounded | {"against": str(adapter)}),
        ("back", whole | {"against": str(exported)}),
    ):
        _, state = engine.run(name, "verify", settings)
        assert 1e-4 < state.results["largest_relative_difference"] < {"float16": 2e-3, "bfloat16": 1e-2}[precision]
    tensors = load_file(exported / f"{exported.name}.safetensors")
    up = next(key for key in tensors if key.endswith("lora_up.weight"))
    save_file(tensors | {up: 1.1 * tensors[up]}, exported / f"{exported.name}.safetensors")
    code, state = engine.work(engine.create("other", "verify", rounded | {"against": str(adapter)}))
    assert (code, "differs" in state.failure.what, "alpha" in state.failure.fix) == (1, True, True)


def test_a_reduced_adapter_is_told_that_its_ranks_are_others(
    engine: Any, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    adapter, exported = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4)), tmp_path / "exported"
    engine.run("export", "export", {"adapter": str(adapter), "output": str(exported), "format": "peft", "rank": 2})
    settings = document(tiny_checkpoint, exported) | {"against": str(adapter)}
    code, state = engine.work(engine.create("verify", "verify", settings))
    assert (code, "other ranks" in state.failure.fix) == (1, True)


def test_a_planted_missing_alpha_is_an_error(engine: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4, alpha=12))
    exported = tmp_path / "exported"
    engine.run("export", "export", {"adapter": str(adapter), "output": str(exported), "format": "comfyui"})
    tensors = load_file(exported / f"{exported.name}.safetensors")
    save_file({k: v for k, v in tensors.items() if not k.endswith(".alpha")}, exported / f"{exported.name}.safetensors")
    run = engine.create("verify", "verify", document(tiny_checkpoint, exported) | {"against": str(adapter)})
    code, state = engine.work(run)
    assert code == 1
    assert "alpha" in state.failure.fix


def test_a_foreign_key_is_an_error(engine: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4))
    exported = tmp_path / "exported"
    engine.run("export", "export", {"adapter": str(adapter), "output": str(exported), "format": "comfyui"})
    tensors = load_file(exported / f"{exported.name}.safetensors")
    save_file(tensors | {"lora_unet_something.weight": torch.zeros(2)}, exported / f"{exported.name}.safetensors")
    code, state = engine.work(engine.create("verify", "verify", document(tiny_checkpoint, exported)))
    assert code == 1
    assert "lora_unet_something" in state.failure.what


def test_what_is_no_number_in_an_exported_file_is_an_error(engine: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4))
    exported = tmp_path / "exported"
    engine.run("export", "export", {"adapter": str(adapter), "output": str(exported), "format": "comfyui"})
    tensors = load_file(exported / f"{exported.name}.safetensors")
    broken = next(key for key in tensors if key.endswith("layers.1.mlp.up_proj.lora_up.weight"))
    tensors[broken][0, 0] = torch.nan
    save_file(tensors, exported / f"{exported.name}.safetensors")
    code, state = engine.work(engine.create("verify", "verify", document(tiny_checkpoint, exported)))
    assert code == 1
    assert "Not a number in the adapter: layers.1.mlp.up_proj" in state.failure.what


def test_an_adapter_that_does_nothing_is_an_error(engine: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4), size=0.0)
    code, state = engine.work(engine.create("verify", "verify", document(tiny_checkpoint, adapter)))
    assert (code, state.failure.what) == (1, "The adapter changes nothing.")


def test_an_adapter_of_another_size_is_an_error(engine: Any, models: dict[str, Path], tmp_path: Path) -> None:
    adapter = trained(models["acestep-v15-xl-turbo"], tmp_path / "adapter", LoraSettings(rank=4))
    code, state = engine.work(engine.create("verify", "verify", document(models["tiny"], adapter)))
    assert code == 1
    assert "trained on" in state.failure.fix


def test_a_half_written_file_is_an_error(engine: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4))
    broken = shutil.copytree(adapter, tmp_path / "broken")
    file = broken / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    code, state = engine.work(engine.create("verify", "verify", document(tiny_checkpoint, broken)))
    assert code == 1
    assert "cannot be read" in state.failure.what
