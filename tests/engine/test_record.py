"""The record of what an adapter did in training, and verification against it wherever the adapter went."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.fields import put
from sidestep_tui.engine.adapters.adapter import load_adapter
from sidestep_tui.engine.velocity_record import RECORD_FILE, Recorder, find_record, fixed_velocity
from tests.engine.conftest import trained

FAMILIES: dict[str, tuple[dict[str, Any], str]] = {
    "lora": ({"rank": 4, "alpha": 12}, "comfyui"),
    "dora": ({"family": "dora", "rank": 4, "alpha": 12}, "diffusers"),
    "lokr": ({"family": "lokr", "rank": 2, "alpha": 5}, "lycoris"),
    "loha": ({"family": "loha", "rank": 4, "alpha": 12}, "comfyui"),
    "oft": ({"family": "oft", "block_size": 8}, "peft"),
}

ROUNDING = 3e-6  # of the velocity: what arithmetic in another order may move it by


@pytest.fixture
def run_of(engine: Any, train_document: dict[str, Any]) -> Callable[..., Path]:
    def train(adapter: dict[str, Any], **settings: Any) -> Path:
        document = train_document | {"adapter": adapter, "optimizer": {"learning_rate": 1e-2}} | settings
        run, _ = engine.run("train", "train", document)
        return run.path

    return train


def verify(engine: Any, model: Path, adapter: Path) -> tuple[int, Any]:
    document = {"model": {"checkpoint": str(model), "device": "cpu"}, "adapter": str(adapter)}
    return engine.work(engine.create(f"verify {adapter.name}", "verify", document))


def export(engine: Any, adapter: Path, output: Path, form: str, **settings: Any) -> Path:
    engine.run(
        f"export {output.name}", "export", {"adapter": str(adapter), "output": str(output), "format": form} | settings
    )
    return output


@pytest.mark.parametrize("family", FAMILIES)
def test_an_export_does_what_the_training_recorded(
    engine: Any, run_of: Callable[..., Path], turbo: Path, tmp_path: Path, family: str
) -> None:
    adapter, form = FAMILIES[family]
    run = run_of(adapter)
    code, state = verify(engine, turbo, export(engine, run / "final", tmp_path / "exported", form))
    assert (code, state.failure) == (0, None)
    assert state.results["velocity_change"] > 1e-3
    assert state.results["difference_from_training"] < 1e-4
    assert state.results["tolerance"] == pytest.approx(1e-4 + ROUNDING / state.results["velocity_change"], rel=1e-3)


def test_every_kept_folder_has_its_own_record(engine: Any, run_of: Callable[..., Path], turbo: Path) -> None:
    run = run_of({"rank": 4, "alpha": 12}, training={"epochs": 2, "ema_decay": 0.5})
    folders = [file.parent for file in sorted(run.rglob(RECORD_FILE))]
    assert {folder.name for folder in folders} >= {"final", "final-ema", "best", "ema"}
    assert all((folder / "adapter_config.json").is_file() for folder in folders)
    changes = [find_record(run / name) for name in ("final", "final-ema")]
    assert not torch.equal(changes[0].change, changes[1].change)
    for name in ("final", "final-ema"):
        code, state = verify(engine, turbo, run / name)
        assert (code, state.failure) == (0, None)


def test_a_planted_missing_alpha_is_caught(
    engine: Any, run_of: Callable[..., Path], turbo: Path, tmp_path: Path
) -> None:
    exported = export(engine, run_of({"rank": 4, "alpha": 12}) / "final", tmp_path / "exported", "comfyui")
    tensors = load_file(exported / f"{exported.name}.safetensors")
    save_file(
        {key: value for key, value in tensors.items() if not key.endswith(".alpha")},
        exported / f"{exported.name}.safetensors",
    )
    code, state = verify(engine, turbo, exported)
    assert code == 1
    assert "otherwise than in training" in state.failure.what
    assert "alpha" in state.failure.fix


def test_half_precision_has_a_tolerance_of_its_own(
    engine: Any, run_of: Callable[..., Path], turbo: Path, tmp_path: Path
) -> None:
    final = run_of({"rank": 4, "alpha": 12}) / "final"
    for precision, tolerance in (("bfloat16", 4e-2), ("float16", 5e-3)):
        exported = export(engine, final, tmp_path / precision, "comfyui", precision=precision)
        code, state = verify(engine, turbo, exported)
        assert (code, state.failure) == (0, None)
        assert state.results["tolerance"] == pytest.approx(
            tolerance + ROUNDING / state.results["velocity_change"], rel=0.1
        )
        assert 1e-5 < state.results["difference_from_training"] < tolerance


def test_a_run_on_half_precision_weights_is_recorded_exactly(
    engine: Any, run_of: Callable[..., Path], turbo: Path, train_document: dict[str, Any]
) -> None:
    run = run_of({"rank": 4, "alpha": 12}, model=train_document["model"] | {"precision": "bfloat16"})
    assert json.loads((run / "final" / RECORD_FILE).read_text())["frozen_weights"] == "bfloat16"
    code, state = verify(engine, turbo, run / "final")
    assert (code, state.failure) == (0, None)
    assert state.results["difference_from_training"] < 1e-3  # and within what rounding of the velocity allows


def test_another_model_is_told_from_a_wrong_adapter(
    engine: Any, run_of: Callable[..., Path], reference_checkpoint: Callable[[str], Path]
) -> None:
    run = run_of({"rank": 4, "alpha": 12})
    code, state = verify(engine, reference_checkpoint("acestep-v15-base"), run / "final")
    assert (code, "another model" in state.failure.what) == (1, True)


def test_a_reduced_adapter_has_no_record_and_a_merely_named_one_warns(
    engine: Any, run_of: Callable[..., Path], turbo: Path, tmp_path: Path
) -> None:
    reduced = export(engine, run_of({"rank": 4, "alpha": 12}) / "final", tmp_path / "reduced", "peft", rank=2)
    code, state = verify(engine, turbo, reduced)
    assert code == 0
    assert "no record" in state.warnings[-1].what


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_recording_leaves_the_model_as_it_was(turbo: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    transformer = open_checkpoint(turbo).load_transformer("cpu", dtype)
    load_adapter(transformer, trained(turbo, tmp_path / "adapter", LoraSettings(rank=4, dropout=0.5)))
    transformer.train()
    before = {name: value.clone() for name, value in transformer.state_dict().items()}
    places = {name: value.data_ptr() for name, value in transformer.state_dict().items()}
    asks = {name: p.requires_grad for name, p in transformer.named_parameters()}
    state = torch.get_rng_state()
    Recorder(transformer).write(tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    assert transformer.training
    assert {name: p.requires_grad for name, p in transformer.named_parameters()} == asks
    after = transformer.state_dict()
    assert all(torch.equal(after[name], value) and after[name].dtype == value.dtype for name, value in before.items())
    assert {name: value.data_ptr() for name, value in after.items()} == places  # recorded steps read them there


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_model_without_its_adapter_is_measured_once(turbo: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    transformer = open_checkpoint(turbo).load_transformer("cpu", dtype)
    load_adapter(transformer, trained(turbo, tmp_path / "adapter", LoraSettings(rank=4)))
    passes: list[torch.nn.Module] = []
    transformer.register_forward_hook(lambda module, *_: passes.append(module))
    recorder = Recorder(transformer)
    recorder.write(tmp_path / "first")
    assert len(passes) == 2
    with torch.no_grad():
        for name, parameter in transformer.named_parameters():
            if "lora_B" in name:
                parameter.mul_(1.5)
    recorder.write(tmp_path / "second")
    assert len(passes) == 3
    Recorder(transformer).write(tmp_path / "anew")
    first, second, anew = ((tmp_path / name / RECORD_FILE).read_bytes() for name in ("first", "second", "anew"))
    assert second == anew != first


def test_a_run_measures_the_model_once_and_again_when_it_continues(
    engine: Any, train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[torch.Tensor] = []

    def measure(transformer: Any) -> torch.Tensor:
        measured.append(fixed_velocity(transformer))
        return measured[-1]

    monkeypatch.setattr("sidestep_tui.engine.velocity_record.fixed_velocity", measure)
    run = engine.create("stopped", "train", put(train_document, "checkpoints.every_steps", 1))
    (run.commands / "1-stop.json").write_text(json.dumps({"command": "stop", "arguments": {}}))
    kept = 0
    for status in ("stopped", "completed"):
        measured.clear()
        _, state = engine.work(run)
        assert state.status == status
        assert len(measured) == len(state.checkpoints) - kept + 1
        kept = len(state.checkpoints)
    whole, _ = engine.run("whole", "train", train_document)
    assert (run.final / RECORD_FILE).read_bytes() == (whole.final / RECORD_FILE).read_bytes()


@pytest.mark.parametrize("allowed", [True, False])
def test_a_card_measures_without_rounding_to_tf32(turbo: Path, monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    """It would be a thousand times as far from the numbers of another machine as `sidestep verify` allows."""

    def flags() -> tuple[bool, bool]:
        return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", allowed)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", allowed)
    seen: list[tuple[bool, bool]] = []
    transformer = open_checkpoint(turbo).load_transformer("cpu", torch.float32)
    transformer.register_forward_hook(lambda *_: seen.append(flags()))
    fixed_velocity(transformer)
    assert seen == [(False, False)]
    assert flags() == (allowed, allowed)
