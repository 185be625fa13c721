"""Merged models: every family, either layout, any precision, and the same song as the adapter beside the model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.safetensors_index import index_folder
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.adapter import AdapterBase, DoraSettings, LohaSettings, LokrSettings, LoraSettings, OftSettings
from sidestep_tui.engine.adapters.adapter import load_adapter
from tests.engine.conftest import trained

FAMILIES = {
    "lora": LoraSettings(rank=4, alpha=12),
    "dora": DoraSettings(rank=4, alpha=12),
    "lokr": LokrSettings(rank=2, alpha=5),
    "loha": LohaSettings(rank=4),
    "oft": OftSettings(block_size=8),
}


def answer(model: Path, adapter: Path | None = None) -> torch.Tensor:
    checkpoint = open_checkpoint(model)
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    if adapter is not None:
        load_adapter(transformer, adapter)
    generator = torch.Generator().manual_seed(5)
    width = checkpoint.config.encoder_hidden_size
    x, condition, context = (torch.randn(1, n, d, generator=generator) for n, d in ((10, 64), (7, width), (10, 128)))
    with torch.no_grad():
        return velocity(transformer, x, torch.tensor([0.6]), condition, context)


@pytest.fixture
def merge(engine: Any, tmp_path: Path) -> Callable[..., Path]:
    def run(model: Path, adapter: Path, **settings: Any) -> Path:
        # In a folder of its own, where a model in the original layout finds its VAE.
        output = tmp_path / "checkpoints" / "merged"
        document = {"adapter": str(adapter), "output": str(output), "format": "merged", "checkpoint": str(model)}
        engine.run("merge", "export", document | settings)
        return output

    return run


@pytest.mark.parametrize("settings", FAMILIES.values(), ids=FAMILIES.keys())
@pytest.mark.parametrize("name", ["tiny", "acestep-v15-base", "acestep-v15-xl-turbo"])
@pytest.mark.parametrize("layout", ["original", "diffusers"])
def test_a_merged_model_answers_as_the_adapted_one(
    merge: Callable[..., Path],
    tiny_checkpoint: Path,
    reference_checkpoint: Callable[[str], Path],
    tmp_path: Path,
    name: str,
    layout: str,
    settings: AdapterBase,
) -> None:
    model = tiny_checkpoint if name == "tiny" else reference_checkpoint(name)
    adapter = trained(model, tmp_path / "adapter", settings)
    output = merge(model, adapter, layout=layout)
    merged = open_checkpoint(output)
    wanted, plain = answer(model, adapter), answer(model)
    assert (merged.layout, merged.variant) == (layout, open_checkpoint(model).variant)
    assert (answer(output) - wanted).norm() < 1e-4 * (wanted - plain).norm()
    assert (wanted - plain).norm() > 0.01 * wanted.norm()
    assert torch.equal(merged.silence_latent(), open_checkpoint(model).silence_latent())
    card = (output / "README.md").read_text(encoding="utf-8")
    assert ("merged into its weights" in card, "library_name" in card) == (True, False)


@pytest.fixture
def tuned(reference_checkpoint: Callable[[str], Path], tmp_path: Path) -> Path:
    """A fine-tuned base model that does not say what it was made from, with its VAE and text encoder beside it."""
    shutil.copytree(reference_checkpoint("acestep-v15-base").parent, tmp_path / "models")
    model = (tmp_path / "models" / "acestep-v15-base").rename(tmp_path / "models" / "tuned")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    unnamed = {key: value for key, value in config.items() if key not in ("model_version", "is_turbo")}
    (model / "config.json").write_text(json.dumps(unnamed), encoding="utf-8")
    return model


def test_a_model_that_does_not_name_its_variant_is_merged_as_it_is(
    engine: Any, merge: Callable[..., Path], reference_checkpoint: Callable[[str], Path], tuned: Path, tmp_path: Path
) -> None:
    """Another layout's config would have to name the variant: that is refused before anything is written."""
    adapter = trained(reference_checkpoint("acestep-v15-base"), tmp_path / "adapter", FAMILIES["lora"])
    merged = merge(tuned, adapter)
    configs = [json.loads((folder / "config.json").read_text(encoding="utf-8")) for folder in (merged, tuned)]
    assert configs[0] == configs[1]
    there = {"adapter": str(adapter), "format": "merged", "checkpoint": str(tuned), "layout": "diffusers"}
    code, state = engine.work(engine.create("other", "export", there | {"output": str(tmp_path / "other")}))
    assert (code, "--base" in state.failure.fix, (tmp_path / "other").exists()) == (1, True, False)


def test_a_missing_vae_is_told_before_gigabytes_are_written(
    engine: Any, reference_checkpoint: Callable[[str], Path], tuned: Path, tmp_path: Path
) -> None:
    adapter = trained(reference_checkpoint("acestep-v15-base"), tmp_path / "adapter", FAMILIES["lora"])
    shutil.rmtree(tuned.parent / "vae")
    there = {"adapter": str(adapter), "format": "merged", "checkpoint": str(tuned)}
    code, state = engine.work(engine.create("bare", "export", there | {"output": str(tmp_path / "merged")}))
    assert (code, state.failure.what) == (1, "The model's vae is missing.")
    assert state.progress is None
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(("precision", "stored", "error"), [("bfloat16", "BF16", 0.05), ("float16", "F16", 0.005)])
def test_a_merged_model_in_half_precision(
    merge: Callable[..., Path], turbo: Path, tmp_path: Path, precision: str, stored: str, error: float
) -> None:
    adapter = trained(turbo, tmp_path / "adapter", FAMILIES["lora"])
    output = merge(turbo, adapter, precision=precision)
    assert {entry.dtype for entry in index_folder(output).values()} == {stored}
    wanted = answer(turbo, adapter)
    assert 0 < (answer(output) - wanted).norm() < error * wanted.norm()


def test_a_merged_and_an_unmerged_generation_sound_the_same(
    engine: Any, merge: Callable[..., Path], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", FAMILIES["lora"], size=0.2)
    merged = merge(tiny_checkpoint, adapter)
    songs = {}
    for name, model, extra in (
        ("plain", tiny_checkpoint, {}),
        ("beside", tiny_checkpoint, {"adapter": str(adapter)}),
        ("merged", merged, {}),
    ):
        output = tmp_path / f"{name}.wav"
        document = {"model": {"checkpoint": str(model), "device": "cpu"}, "output": str(output), "prompt": "strings"}
        engine.run(name, "generate", document | {"duration": 1.0, "steps": 4} | extra)
        songs[name], _ = soundfile.read(output)
    assert np.abs(songs["merged"] - songs["beside"]).max() <= 2 / 2**15  # one step of a 16-bit file, and rounding
    assert np.abs(songs["plain"] - songs["beside"]).max() > 0.01
