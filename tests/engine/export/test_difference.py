"""A LoRA from the difference of two models: exact where the change has few directions, with the loss told otherwise."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.engine.adapters.adapter import read_adapter
from sidestep_tui.engine.export.job import largest_difference
from sidestep_tui.engine.export.modules import split_modules
from tests.engine.conftest import trained

Extract = Callable[..., tuple[Path, Any]]


@pytest.fixture
def extract(engine: Any, tmp_path: Path) -> Extract:
    def run(base: Path, tuned: Path, **settings: Any) -> tuple[Path, Any]:
        output = tmp_path / "extracted"
        document = {"adapter": str(tuned), "from_difference": str(base), "output": str(output)}
        _, state = engine.run("extract", "export", document | settings)
        return output, state

    return run


@pytest.fixture
def tuned(engine: Any, turbo: Path, tmp_path: Path) -> Path:
    """The turbo model with a known LoRA of rank 4 in its weights, in the other layout."""
    adapter = trained(turbo, tmp_path / "known", LoraSettings(rank=4, alpha=12))
    output = tmp_path / "models" / "tuned"
    document = {"adapter": str(adapter), "output": str(output), "format": "merged", "checkpoint": str(turbo)}
    engine.run("merge", "export", document | {"layout": "diffusers"})
    return output


@pytest.mark.parametrize("rank", [4, 9])
def test_a_change_of_known_rank_is_found_exactly(
    extract: Extract, turbo: Path, tuned: Path, tmp_path: Path, rank: int
) -> None:
    output, state = extract(turbo, tuned, rank=rank)
    known, found = (split_modules(read_adapter(folder)) for folder in (tmp_path / "known", output))
    assert largest_difference(known, found) < 1e-4
    assert state.results["energy_kept"] == pytest.approx(1.0, abs=1e-6)


def test_what_a_lower_rank_loses_is_told(extract: Extract, turbo: Path, tuned: Path, tmp_path: Path) -> None:
    output, state = extract(turbo, tuned, rank=2, format="comfyui")
    assert (output / f"{output.name}.safetensors").is_file()
    known = [module.effect()["delta"] for module in split_modules(read_adapter(tmp_path / "known")).values()]
    squares = [torch.linalg.svdvals(delta).square() for delta in known]
    expected = sum(float(values[:2].sum()) for values in squares) / sum(float(values.sum()) for values in squares)
    assert state.results["energy_kept"] == pytest.approx(expected, abs=1e-4)
    assert 0.3 < expected < 0.9


def test_what_no_lora_reaches_is_named(extract: Extract, turbo: Path, tmp_path: Path) -> None:
    tuned = tmp_path / "models" / "acestep-v15-turbo"
    shutil.copytree(turbo, tuned)
    tensors = load_file(tuned / "model.safetensors")
    tensors["decoder.norm_out.weight"] += 1
    tensors["decoder.layers.1.mlp.up_proj.weight"] += 0.1
    save_file(tensors, tuned / "model.safetensors")
    output, state = extract(turbo, tuned, rank=1)
    assert list(split_modules(read_adapter(output))) == ["layers.1.mlp.up_proj"]
    assert "transformer.norm_out.weight" in state.warnings[-1].what


def test_equal_models_and_other_sizes_are_refused(
    engine: Any, turbo: Path, reference_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    for name, other, words in (
        ("equal", turbo, "same weights"),
        ("size", reference_checkpoint("acestep-v15-xl-turbo"), "not of the same size"),
    ):
        document = {"adapter": str(other), "from_difference": str(turbo), "output": str(tmp_path / "out")}
        code, state = engine.work(engine.create(name, "export", document))
        assert code == 1
        assert words in state.failure.what
        assert not (tmp_path / "out").exists()
