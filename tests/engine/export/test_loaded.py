"""Exports loaded again by diffusers' own pipeline, by generation and by PEFT: they do what was trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.jobs import ExportFormat
from sidestep_tui.engine.adapters.adapter import load_adapter, read_adapter
from sidestep_tui.engine.export.formats import FORMATS
from sidestep_tui.engine.export.merge import merged_weight
from sidestep_tui.engine.export.modules import split_modules
from sidestep_tui.engine.generate.adapter import apply_adapter
from tests.engine.conftest import trained
from tests.engine.export.families import EXPORTED


def some_velocity(transformer: torch.nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    x, condition, context = (torch.randn(1, n, d, generator=generator) for n, d in ((10, 64), (7, 64), (10, 128)))
    with torch.no_grad():
        return velocity(transformer, x, torch.tensor([0.6]), condition, context)


def adapted_velocity(tiny: Path, adapter: Path) -> torch.Tensor:
    transformer = open_checkpoint(tiny).load_transformer("cpu", torch.float32)
    load_adapter(transformer, adapter)
    return some_velocity(transformer)


@pytest.mark.parametrize("family", ["lora", "lora, rank-stabilised", "dora"])
@pytest.mark.parametrize(
    "targets", [{}, {"attention": "none"}, {"projections": ("v", "o"), "mlp": False}], ids=["all", "mlp", "v and o"]
)
def test_diffusers_own_pipeline_gives_the_full_effect(
    export: Callable[..., tuple[Path, Any]],
    tiny_checkpoint: Path,
    tmp_path: Path,
    family: str,
    targets: dict[str, Any],
) -> None:
    from diffusers import AceStepPipeline

    settings = EXPORTED[family].model_validate(EXPORTED[family].model_dump() | {"targets": targets})
    own = {"layers.0.mlp.up_proj": (2, 9.0)} if settings.targets.mlp else None
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", settings, own)
    output, _ = export(adapter, "diffusers")
    pipeline = AceStepPipeline.from_pretrained(tiny_checkpoint)
    plain = some_velocity(pipeline.transformer)
    pipeline.load_lora_weights(output)
    wanted = adapted_velocity(tiny_checkpoint, adapter)
    torch.testing.assert_close(some_velocity(pipeline.transformer), wanted, rtol=1e-5, atol=1e-5)
    assert (wanted - plain).norm() > 0.02 * plain.norm()


@pytest.mark.parametrize(
    ("family", "form"),
    [
        ("lora", "comfyui"),
        ("lora, rank-stabilised", "diffusers"),
        ("dora", "diffusers"),
        ("lokr", "lycoris"),
        ("lokr, whole factors", "comfyui"),
        ("loha", "comfyui"),
    ],
)
@pytest.mark.parametrize("strength", [1.0, -0.5])
def test_generation_takes_exported_files_back(
    export: Callable[..., tuple[Path, Any]],
    tiny_checkpoint: Path,
    tmp_path: Path,
    family: str,
    form: str,
    strength: float,
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", EXPORTED[family])
    output, _ = export(adapter, form)
    answers = []
    for path in (adapter, output):
        transformer = open_checkpoint(tiny_checkpoint).load_transformer("cpu", torch.float32)
        apply_adapter(transformer, path, strength)
        answers.append(some_velocity(transformer))
    torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-5)


def test_peft_files_have_the_original_names(
    export: Callable[..., tuple[Path, Any]], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", EXPORTED["lora"])
    output, _ = export(adapter, "peft")
    keys = load_file(output / "adapter_model.safetensors").keys()
    assert "base_model.model.layers.3.cross_attn.o_proj.lora_B.weight" in keys
    torch.testing.assert_close(adapted_velocity(tiny_checkpoint, output), adapted_velocity(tiny_checkpoint, adapter))


@pytest.mark.parametrize("form", ["peft", "diffusers"])
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_a_small_change_by_dora_is_not_lost_in_the_rounding_of_the_weights_lengths(
    turbo: Path, tmp_path: Path, form: ExportFormat, precision: torch.dtype
) -> None:
    file = read_adapter(trained(turbo, tmp_path / "trained", EXPORTED["dora"], size=3e-3))
    modules = split_modules(file)
    (tmp_path / "exported").mkdir()
    FORMATS[form].write(tmp_path / "exported", file, modules, precision)
    exported = FORMATS[form].read(tmp_path / "exported")
    weights = open_checkpoint(turbo).load_transformer("cpu", torch.float32)
    for name, module in modules.items():
        weight = weights.get_submodule(to_diffusers(name)).get_parameter("weight")
        wanted, found = (merged_weight(weight, one) - weight for one in (module, exported[name]))
        assert (found - wanted).norm() < 0.02 * wanted.norm()
