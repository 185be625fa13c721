"""Merged models: every family, either layout, any precision, and the same song as the adapter beside the model."""

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
