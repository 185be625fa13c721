"""A run that goes on from an adapter of any exported form starts with exactly what that adapter does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.config.adapter import AdapterBase, LokrSettings, LoraSettings, TargetSettings
from sidestep_tui.engine.adapters.adapter import inject_new, load_adapter
from sidestep_tui.engine.adapters.targets import choose_targets
from sidestep_tui.engine.training.start_from import start_from
from sidestep_tui.engine.velocity_record import fixed_velocity
from sidestep_tui.errors import SidestepError
from tests.engine.conftest import trained
from tests.engine.families import FAMILIES

FORMS = {
    "lora": ("peft", "diffusers", "comfyui"),
    "dora": ("peft", "diffusers"),
    "lokr": ("peft", "lycoris", "comfyui"),
    "loha": ("peft", "lycoris", "comfyui"),
    "oft": ("peft",),
}


@pytest.fixture
def export(engine: Any, tmp_path: Path) -> Callable[[Path, str], Path]:
    def run(adapter: Path, form: str) -> Path:
        output = tmp_path / f"exported {form}"
        engine.run(f"export {form}", "export", {"adapter": str(adapter), "output": str(output), "format": form})
        return output

    return run


def started(model: Path, settings: AdapterBase, path: Path) -> Any:
    checkpoint = open_checkpoint(model)
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed=9)
    start_from(transformer, settings, path)
    return transformer.eval()


@pytest.mark.parametrize(("family", "form"), [(family, form) for family in FAMILIES for form in FORMS[family]])
def test_every_form_starts_with_the_same_effect_at_any_alpha(
    export: Callable[[Path, str], Path], turbo: Path, tmp_path: Path, family: str, form: str
) -> None:
    adapter = trained(turbo, tmp_path / "adapter", FAMILIES[family])
    reference = open_checkpoint(turbo).load_transformer("cpu", torch.float32)
    plain = fixed_velocity(reference)
    load_adapter(reference, adapter)
    wanted = fixed_velocity(reference.eval()) - plain
    other = {} if family == "oft" else {"alpha": 7.0}
    settings = FAMILIES[family].model_copy(update=other)
    found = fixed_velocity(started(turbo, settings, export(adapter, form))) - plain
    assert (found - wanted).norm() < 1e-4 * wanted.norm()


def test_a_file_of_any_name_will_do_and_every_known_spelling(turbo: Path, tmp_path: Path, export: Any) -> None:
    exported = export(trained(turbo, tmp_path / "adapter", FAMILIES["lora"]), "comfyui")
    tensors = load_file(exported / "exported comfyui.safetensors")
    wanted = fixed_velocity(started(turbo, FAMILIES["lora"], exported))
    for number, prefix in enumerate(("diffusion_model.decoder.", "lora_unet_decoder_", "lycoris_")):
        file = tmp_path / f"community {number}.safetensors"
        renamed = {}
        for key, tensor in tensors.items():
            stem = key.removeprefix("base_model.model.")
            module, rest = ".".join(stem.split(".")[:4]), ".".join(stem.split(".")[4:])
            name = prefix + (module if prefix.endswith(".") else module.replace(".", "_"))
            renamed[f"{name}.{rest}"] = tensor
        save_file(renamed, file)
        assert torch.equal(fixed_velocity(started(turbo, FAMILIES["lora"], file)), wanted)


def test_what_lies_beside_the_weights_of_a_checkpoint_does_not_keep_it_from_being_read(
    turbo: Path, tmp_path: Path
) -> None:
    adapter = trained(turbo, tmp_path / "adapter", FAMILIES["lora"])
    wanted = fixed_velocity(started(turbo, FAMILIES["lora"], adapter))
    (adapter / "trainer.pt").write_bytes(b"the optimizer's state")
    assert torch.equal(fixed_velocity(started(turbo, FAMILIES["lora"], adapter)), wanted)


@pytest.mark.parametrize(
    ("settings", "what", "fix"),
    [
        (LokrSettings(rank=2), "is a lora, the run trains a lokr", "adapter.family to lora"),
        (LoraSettings(rank=8), "has rank 4", "adapter.rank to 4"),
        (LoraSettings(rank=4, targets=TargetSettings(mlp=False)), "which this run does not adapt", "targets"),
        (LoraSettings(rank=4), "no weights for 32 of the modules .* instance layers.0.cross_attn", "adapter.targets"),
    ],
    ids=["family", "rank", "modules", "more modules"],
)
def test_what_does_not_fit_the_run_is_named(
    turbo: Path, tmp_path: Path, settings: AdapterBase, what: str, fix: str
) -> None:
    theirs = (
        LoraSettings(rank=4, targets=TargetSettings(attention="none")) if "no weights" in what else FAMILIES["lora"]
    )
    adapter = trained(turbo, tmp_path / "adapter", theirs)
    with pytest.raises(SidestepError, match=what) as caught:
        started(turbo, settings, adapter)
    assert fix in str(caught.value.fix)


def test_where_ranks_follow_a_ranking_no_one_rank_is_proposed(turbo: Path, tmp_path: Path) -> None:
    uneven = {"layers.0.cross_attn.k_proj": (2, 4.0)}
    adapter = trained(turbo, tmp_path / "adapter", FAMILIES["lora"], uneven)
    with pytest.raises(SidestepError, match=r"has rank 2 at layers\.0\.cross_attn\.k_proj, this run 4") as caught:
        started(turbo, FAMILIES["lora"], adapter)
    assert "adapter.targets_from" in str(caught.value.fix)


def test_a_run_goes_on_from_an_exported_file(
    engine: Any, train_document: dict[str, Any], turbo: Path, tmp_path: Path, export: Any
) -> None:
    exported = export(trained(turbo, tmp_path / "adapter", LoraSettings(rank=4, alpha=12)), "comfyui")
    document = train_document | {"optimizer": {"learning_rate": 1e-9}}
    document["adapter"] = {"rank": 4, "alpha": 8, "start_from": str(exported)}
    run, _ = engine.run("train", "train", document)
    reference = open_checkpoint(turbo).load_transformer("cpu", torch.float32)
    plain = fixed_velocity(reference)
    load_adapter(reference, tmp_path / "adapter")
    wanted = fixed_velocity(reference.eval()) - plain
    again = open_checkpoint(turbo).load_transformer("cpu", torch.float32)
    load_adapter(again, run.path / "final")
    assert (fixed_velocity(again.eval()) - plain - wanted).norm() < 1e-3 * wanted.norm()
