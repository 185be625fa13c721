"""Exports: the file does what was trained, what a consumer cannot take is refused, and the card tells the story."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.adapters.adapter import read_adapter
from sidestep_tui.engine.adapters.place import LYCORIS_FILE
from sidestep_tui.engine.data.manifest import read_manifest, write_manifest
from sidestep_tui.engine.export.formats import FORMATS
from sidestep_tui.engine.export.job import largest_difference
from sidestep_tui.engine.export.modules import ModuleAdapter, split_modules
from sidestep_tui.engine.export.rank import reduce_rank
from sidestep_tui.engine.export.read import read_exported
from sidestep_tui.runs.events import SampleWritten
from sidestep_tui.runs.log import EventWriter
from tests.engine.conftest import trained
from tests.engine.export.families import EXPORTED


@pytest.mark.parametrize("family", [name for name in EXPORTED if name != "oft"])
def test_another_scale_is_no_other_effect(tiny_checkpoint: Path, tmp_path: Path, family: str) -> None:
    for module in split_modules(read_adapter(trained(tiny_checkpoint, tmp_path, EXPORTED[family]))).values():
        torch.testing.assert_close(module.rescaled(0.3).effect(), module.effect(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("family", "form"),
    [
        (name, form)
        for name, settings in EXPORTED.items()
        for form, consumer in FORMATS.items()
        if settings.model_dump()["family"] in consumer.families
    ],
)
def test_the_exported_file_does_what_was_trained(
    export: Callable[..., tuple[Path, Any]], tiny_checkpoint: Path, tmp_path: Path, family: str, form: str
) -> None:
    own = {"layers.0.mlp.up_proj": (2, 9.0)} if "lora" in family else None
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", EXPORTED[family], own)
    output, results = export(adapter, form)
    wanted = split_modules(read_adapter(adapter))
    assert largest_difference(wanted, read_exported(output)[1]) < 1e-6
    assert results["modules"] == len(wanted) == 4 * 11
    assert (output / "README.md").read_text("utf-8").startswith("---\n")


@pytest.mark.parametrize(
    ("family", "form"), [("oft", "comfyui"), ("dora", "comfyui"), ("lokr", "diffusers"), ("lora", "lycoris")]
)
def test_what_a_consumer_cannot_take_is_refused(
    engine: Any, tiny_checkpoint: Path, tmp_path: Path, family: str, form: str
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", EXPORTED[family])
    document = {"adapter": str(adapter), "output": str(tmp_path / "out"), "format": form}
    code, state = engine.work(engine.create("run", "export", document))
    assert code == 1
    assert f"cannot be exported for {form}" in state.failure.what
    assert "peft" in state.failure.fix
    assert not (tmp_path / "out").exists()


def test_an_export_that_was_killed_before_its_card_is_finished_by_the_same_run(
    engine: Any, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4))
    run = engine.create("run", "export", {"adapter": str(adapter), "output": str(tmp_path / "mine")})
    with monkeypatch.context() as killed:
        killed.setattr("sidestep_tui.engine.export.job.model_card", lambda *_: 1 / 0)
        assert engine.work(run)[0] == 1
    assert engine.work(run)[0] == 0
    assert (tmp_path / "mine" / "README.md").is_file()


def test_what_a_killed_export_left_goes_with_the_next(engine: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4))
    (tmp_path / ".my [1].abcdefgh.tmp").mkdir()
    (tmp_path / ".my 2.abcdefgh.tmp").mkdir()  # somebody else's
    engine.run("run", "export", {"adapter": str(adapter), "output": str(tmp_path / "my [1]")})
    assert [path.name for path in tmp_path.glob(".my*")] == [".my 2.abcdefgh.tmp"]


def test_a_missing_alpha_is_caught(
    export: Callable[..., tuple[Path, Any]], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", EXPORTED["lora"])
    output, _ = export(adapter, "comfyui")
    tensors = load_file(output / f"{output.name}.safetensors")
    save_file(
        {key: value for key, value in tensors.items() if not key.endswith(".alpha")},
        output / f"{output.name}.safetensors",
    )
    difference = largest_difference(split_modules(read_adapter(adapter)), read_exported(output)[1])
    assert difference == pytest.approx(2 / 3, rel=1e-4)  # scale 1 instead of 3


def test_a_full_disk_is_told_in_the_words_that_every_job_has_for_it(
    engine: Any, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4))
    monkeypatch.setattr("safetensors.torch.serialize_file", full)
    document = {"adapter": str(adapter), "output": str(tmp_path / "out"), "format": "comfyui"}
    code, state = engine.work(engine.create("run", "export", document))
    assert (code, state.failure.what) == (1, "No space is left on the device.")
    assert Path(state.failure.where).parent == tmp_path / "out"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("family", ["lokr", "loha"])
def test_a_lycoris_file_that_lost_alpha_still_does_what_was_trained(
    export: Callable[..., tuple[Path, Any]], tiny_checkpoint: Path, tmp_path: Path, family: str
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", EXPORTED[family])
    output, _ = export(adapter, "lycoris")
    tensors = load_file(output / LYCORIS_FILE)
    save_file({key: value for key, value in tensors.items() if not key.endswith(".alpha")}, output / LYCORIS_FILE)
    assert largest_difference(split_modules(read_adapter(adapter)), FORMATS["lycoris"].read(output)) < 1e-6


def test_a_missing_module_is_named(
    export: Callable[..., tuple[Path, Any]], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    from sidestep_tui.errors import SidestepError

    adapter = trained(tiny_checkpoint, tmp_path / "adapter", EXPORTED["lora"])
    output, _ = export(adapter, "comfyui")
    tensors = load_file(output / f"{output.name}.safetensors")
    kept = {key: value for key, value in tensors.items() if "layers.2.mlp.down_proj" not in key}
    save_file(kept, output / f"{output.name}.safetensors")
    with pytest.raises(SidestepError, match=r"layers\.2\.mlp\.down_proj"):
        largest_difference(split_modules(read_adapter(adapter)), read_exported(output)[1])


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_halves_the_file_and_keeps_alpha(
    export: Callable[..., tuple[Path, Any]], tiny_checkpoint: Path, tmp_path: Path, precision: str
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=4, alpha=12.3))
    output, results = export(adapter, "comfyui", precision=precision)
    tensors = load_file(output / f"{output.name}.safetensors")
    assert {tensors[key].dtype for key in tensors if not key.endswith("alpha")} == {getattr(torch, precision)}
    assert tensors["base_model.model.layers.0.self_attn.q_proj.alpha"] == pytest.approx(12.3)
    assert 1e-6 < results["largest_relative_difference"] < 0.02


def test_a_lower_rank_keeps_the_strongest_directions(
    export: Callable[..., tuple[Path, Any]], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", LoraSettings(rank=8, alpha=16))
    output, results = export(adapter, "peft", rank=3)
    wanted, found = split_modules(read_adapter(adapter)), split_modules(read_adapter(output))
    name = "layers.1.self_attn.k_proj"
    values = torch.linalg.svdvals(wanted[name].effect()["delta"])
    error = (wanted[name].effect()["delta"] - found[name].effect()["delta"]).norm()
    assert found[name].rank == 3
    torch.testing.assert_close(error, values[3:].norm(), rtol=1e-4, atol=1e-5)
    energies = [sum(float(one.effect()["delta"].square().sum()) for one in each.values()) for each in (found, wanted)]
    assert results["energy_kept"] == pytest.approx(energies[0] / energies[1], rel=1e-5)


def test_all_is_kept_of_an_adapter_that_does_nothing(tiny_checkpoint: Path, tmp_path: Path) -> None:
    adapter = trained(tiny_checkpoint, tmp_path, LoraSettings(rank=4), size=0.0)
    assert reduce_rank(read_adapter(adapter), 2)[1] == 1.0


@pytest.mark.parametrize("side", [2, 8, 32, 64])
def test_a_rotation_turns_and_keeps_lengths(side: int) -> None:
    entries = 0.1 * torch.randn(3, side * (side - 1) // 2, generator=torch.Generator().manual_seed(0))
    turned = ModuleAdapter("oft", {"oft_R.weight": entries}, 1.0).effect()["rotation"] + torch.eye(side)
    assert turned.shape == (3, side, side)
    torch.testing.assert_close(turned @ turned.mT, torch.eye(side).expand(3, -1, -1), atol=1e-5, rtol=0)
    assert torch.linalg.det(turned).tolist() == pytest.approx([1, 1, 1], abs=1e-4)
    assert (turned - torch.eye(side)).abs().max() > 0.05


def test_the_card_tells_how_the_adapter_was_made(
    engine: Any, train_document: dict[str, Any], songs: Path, tmp_path: Path
) -> None:
    manifest = read_manifest(songs)
    write_manifest(songs, replace(manifest, dataset={"custom_tag": "snowsong"}))
    run, _ = engine.run("snow", "train", train_document)
    with EventWriter(run.events_file) as events:
        events.write(SampleWritten(path="samples/step-8.wav", prompt="snowsong, slow strings", seed=1, step=8))
    document = {"adapter": str(run.path / "final"), "format": "comfyui", "licence": "cc-by-4.0"}
    _, state = engine.run("export", "export", document)
    output = run.path / "exports" / "snow-lora-r4-comfyui"
    assert state.results["output"] == str(output)
    assert (output / "snow-lora-r4-comfyui.safetensors").is_file()
    card = (output / "README.md").read_text("utf-8").splitlines()
    for line in (
        'license: "cc-by-4.0"',
        'instance_prompt: "snowsong"',
        "| Made for | acestep-v15-turbo |",
        "| Scale of the update | 2 |",
        "| Learning rate | 0.001 |",
        "| Epochs | 2 |",
        "| Steps | 8 |",
        f"| Songs | 5 ({sum(song.duration for song in manifest.songs) / 60:.1f} minutes) |",
        "| Trigger tag | snowsong |",
        "| Recommended | 8 steps, shift 3, no guidance |",
        "- `step-8.wav`: snowsong, slow strings (step 8)",
    ):
        assert line in card


def test_the_adapters_of_a_run_have_names_of_their_own_and_the_settings_that_it_ended_with(
    engine: Any, train_document: dict[str, Any]
) -> None:
    run, _ = engine.run("snow", "train", train_document)
    document = run.settings().model_dump(mode="json")
    document["optimizer"]["learning_rate"] = 0.5
    run.change_settings(TrainSettings.model_validate(document), force=True)
    names, cards = {}, {}
    for place in ("final", "best", "checkpoints/step-00000004"):
        _, state = engine.run(f"export-{Path(place).name}", "export", {"adapter": str(run.path / place), "rank": 2})
        names[place] = Path(state.results["output"]).name
        cards[place] = (Path(state.results["output"]) / "README.md").read_text("utf-8")
    assert names == {
        "final": "snow-lora-r2-peft",
        "best": "snow-best-lora-r2-peft",
        "checkpoints/step-00000004": "snow-step-4-lora-r2-peft",
    }
    assert "| Learning rate | 0.5 |" in cards["final"]
    assert "| Scale of the update | 1 |" in cards["final"]
    assert "| Steps | 4 |" in cards["checkpoints/step-00000004"]


def test_a_model_folder_around_an_adapter_is_no_run(engine: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"hidden_size": 64}', encoding="utf-8")
    adapter = trained(tiny_checkpoint, tmp_path / "model" / "voice", EXPORTED["lora"])
    _, state = engine.run("run", "export", {"adapter": str(adapter)})
    assert Path(state.results["output"]).name.startswith("voice-lora-")


def test_a_run_in_place_of_its_adapter_is_told_where_that_lies(engine: Any, train_document: dict[str, Any]) -> None:
    run, _ = engine.run("snow", "train", train_document)
    _, state = engine.work(engine.create("export", "export", {"adapter": str(run.path)}))
    assert (state.failure.what, state.failure.fix) == (
        "This is a run, and no adapter.", f"choose its adapter: {run.final}"
    )  # fmt: skip


def test_an_existing_output_is_not_overwritten(
    export: Callable[..., tuple[Path, Any]], engine: Any, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    adapter = trained(tiny_checkpoint, tmp_path / "adapter", EXPORTED["lora"])
    output, _ = export(adapter, "peft")
    document = {"adapter": str(adapter), "output": str(output), "format": "peft"}
    code, state = engine.work(engine.create("again", "export", document))
    assert (code, state.failure.what) == (1, "The folder exists already.")
