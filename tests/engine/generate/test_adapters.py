"""Several adapters at once: their effects add up, whatever their families and forms; what cannot add up is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sidestep_tui.acestep import Checkpoint, open_checkpoint
from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.adapter import TargetSettings
from sidestep_tui.config.generate import GenerateSettings, WeightedAdapter
from sidestep_tui.engine.adapters.adapter import adapter_weights, inject_new, load_adapter, save_adapter
from sidestep_tui.engine.adapters.targets import choose_targets
from sidestep_tui.engine.export.merge import merged_weight
from sidestep_tui.engine.export.read import read_exported
from sidestep_tui.engine.generate.adapter import apply_adapters
from sidestep_tui.errors import SidestepError
from tests.engine.families import FAMILIES


@pytest.fixture
def checkpoint(tiny_checkpoint: Path) -> Checkpoint:
    return open_checkpoint(tiny_checkpoint)


@pytest.fixture
def trained(checkpoint: Checkpoint, tmp_path: Path) -> Callable[..., Path]:
    """`trained("lokr", seed=2)`: an adapter folder of PEFT with random weights."""

    def make(family: str, seed: int, **changes: Any) -> Path:
        transformer = checkpoint.load_transformer("cpu", torch.float32)
        settings = FAMILIES[family].model_copy(update=changes)
        config = inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed=seed)
        generator = torch.Generator().manual_seed(seed)
        weights = {
            key: value + 0.1 * torch.randn(value.shape, generator=generator)
            for key, value in adapter_weights(transformer).items()
        }
        folder = tmp_path / f"{family} {seed}"
        save_adapter(folder, config, weights, "tiny")
        return folder

    return make


def answer(checkpoint: Checkpoint, adapters: list[WeightedAdapter]) -> Tensor:
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    apply_adapters(transformer, adapters)
    return _velocity(checkpoint, transformer)


def answer_of_sum(checkpoint: Checkpoint, adapters: list[WeightedAdapter]) -> Tensor:
    """The velocity of the model whose every weight holds the sum of the adapters' changes; OFT as PEFT applies it."""
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    original = {name: weight.clone() for name, weight in transformer.state_dict().items()}
    for one in adapters:
        if one.path.name.startswith("oft"):
            load_adapter(transformer, one.path)
            continue
        for name, module in read_exported(one.path)[1].items():
            key = f"{to_diffusers(name)}.weight"
            change = merged_weight(original[key], module) - original[key]
            transformer.get_parameter(key).data.add_(change, alpha=one.scale)
    return _velocity(checkpoint, transformer)


def _velocity(checkpoint: Checkpoint, transformer: Any) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    x, condition, context = (
        torch.randn(shape, generator=generator)
        for shape in ((1, 50, 64), (1, 9, checkpoint.config.encoder_hidden_size), (1, 50, 128))
    )
    with torch.no_grad():
        return velocity(transformer, x, torch.tensor([0.6]), condition, context)


@pytest.mark.parametrize(
    "families", [("lora", "lora"), ("lora", "lokr"), ("lokr", "lora"), ("loha", "lokr"), ("lora", "loha", "lora")]
)
def test_several_adapters_change_the_velocity_as_the_sum_of_their_changes_does(
    checkpoint: Checkpoint, trained: Callable[..., Path], families: tuple[str, ...]
) -> None:
    scales = (0.7, -0.4, 1.0)
    adapters = [
        WeightedAdapter(path=trained(family, seed), scale=scale)
        for seed, (family, scale) in enumerate(zip(families, scales, strict=False))
    ]
    both = answer(checkpoint, adapters)
    torch.testing.assert_close(both, answer_of_sum(checkpoint, adapters), rtol=1e-4, atol=1e-4)
    assert (both - answer(checkpoint, adapters[:1])).abs().max() > 1e-2


@pytest.mark.parametrize("form", ["comfyui", "lycoris"])
def test_exported_files_add_up_with_an_adapter_of_a_run(
    engine: Any, checkpoint: Checkpoint, trained: Callable[..., Path], tmp_path: Path, form: str
) -> None:
    run, other = trained("lora", 1), trained("lokr" if form == "lycoris" else "lora", 2)
    exported = tmp_path / form
    engine.run("export", "export", {"adapter": str(other), "output": str(exported), "format": form})
    ours = [WeightedAdapter(path=run), WeightedAdapter(path=exported, scale=-0.5)]
    theirs = [WeightedAdapter(path=run), WeightedAdapter(path=other, scale=-0.5)]
    torch.testing.assert_close(answer(checkpoint, ours), answer(checkpoint, theirs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", ["dora", "oft"])
def test_what_turns_a_weight_works_beside_others_but_not_on_the_same_modules(
    checkpoint: Checkpoint, trained: Callable[..., Path], family: str
) -> None:
    whole = [WeightedAdapter(path=trained(family, 1)), WeightedAdapter(path=trained("lora", 2))]
    with pytest.raises(SidestepError, match=f"{family.upper()} adapter does not add up") as raised:
        answer(checkpoint, whole)
    assert "merge" in (raised.value.fix or "")
    apart = [
        WeightedAdapter(
            path=trained("lora", 4, targets=TargetSettings(modules=("layers.0.self_attn.v_proj",))), scale=0.5
        ),
        WeightedAdapter(path=trained(family, 3, targets=TargetSettings(modules=("layers.0.self_attn.q_proj",)))),
    ]
    torch.testing.assert_close(answer(checkpoint, apart), answer_of_sum(checkpoint, apart), rtol=1e-4, atol=1e-4)


def test_adapters_are_written_with_or_without_their_scale() -> None:
    settings = GenerateSettings.model_validate(
        {
            "model": {"checkpoint": "m"},
            "output": "song.wav",
            "prompt": "p",
            "adapter": "first",
            "adapter_scale": -1,
            "adapters": ["second=-0.25", "a=b/third", {"path": "fourth", "scale": 2}],
        }
    )
    assert [(str(one.path), one.scale) for one in settings.all_adapters()] == [
        ("first", -1),
        ("second", -0.25),
        ("a=b/third", 1),
        ("fourth", 2),
    ]


def test_an_oft_adapter_has_no_strength(checkpoint: Checkpoint, trained: Callable[..., Path]) -> None:
    with pytest.raises(SidestepError, match="no strength other than 1"):
        answer(checkpoint, [WeightedAdapter(path=trained("oft", 1), scale=0.5)])
