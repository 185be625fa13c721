"""Adapters that cannot be used: each is named, with a fix, and the command fails. Nothing of a pickle is run."""

import json
import pickle
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sidestep_tui.config.adapter import LoraSettings
from tests.engine.conftest import trained

WEIGHTS = "adapter_model.safetensors"
KEY = "base_model.model.layers.1.mlp.up_proj"


class Bomb:
    """A malicious pickle: opening it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, (f"import pathlib; pathlib.Path({str(self.mark)!r}).touch()",)


@pytest.fixture
def in_process_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command's engine works inside this process: the same door, without seconds of imports."""
    from sidestep_tui.cli import follow
    from sidestep_tui.engine.__main__ import main

    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    monkeypatch.setattr(follow, "launch", lambda run: main([str(run.path)]))
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def change(folder: Path, edit: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(folder / WEIGHTS)
    edit(tensors)
    save_file(tensors, folder / WEIGHTS)


def half_written(folder: Path) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: len(data) // 2])


def pickled(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Bomb(folder.parent / "opened")))


def rank_zero(folder: Path) -> None:
    empty = {f"{KEY}.lora_A.weight": torch.zeros(0, 64), f"{KEY}.lora_B.weight": torch.zeros(128, 0)}
    change(folder, lambda tensors: tensors.update(empty))


def not_a_number(folder: Path) -> None:
    change(folder, lambda tensors: tensors[f"{KEY}.lora_B.weight"].fill_(float("nan")))


def lost_tensor(folder: Path) -> None:
    change(folder, lambda tensors: tensors.pop(f"{KEY}.lora_B.weight"))


def foreign_key(folder: Path) -> None:
    change(
        folder, lambda tensors: tensors.update({"base_model.model.layers.1.mlp.gates.lora_A.weight": torch.ones(2, 2)})
    )


def unknown_family(folder: Path) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"peft_type": "IA3"}))


def no_json(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{")


def rank_in_words(folder: Path) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"r": "four"}))


def pattern_of_no_ranks(folder: Path) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"rank_pattern": ["layers.1.mlp.up_proj"]}))


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "half-written": (half_written, "cannot be read"),
    "pickle": (pickled, "pickle"),
    "rank 0": (rank_zero, "rank 0"),
    "NaN": (not_a_number, "Not a number"),
    "lost tensor": (lost_tensor, "layers.1.mlp.up_proj"),
    "foreign key": (foreign_key, "layers.1.mlp.gates"),
    "unknown family": (unknown_family, "family"),
    "broken config": (no_json, "cannot be read"),
    "rank in words": (rank_in_words, "r: Input should be a valid integer"),
    "pattern of no ranks": (pattern_of_no_ranks, "rank_pattern"),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    return trained(tiny_checkpoint, tmp_path_factory.mktemp("adapters") / "good", LoraSettings(rank=4))


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_adapter_is_named(
    in_process_engine: None, sidestep: Any, good: Path, tiny_checkpoint: Path, tmp_path: Path, kind: str
) -> None:
    bad = shutil.copytree(good, tmp_path / "bad")
    spoil, words = BAD[kind]
    spoil(bad)
    result = sidestep("verify", bad, "--model", tiny_checkpoint, "--device", "cpu", "--run", tmp_path / "run")
    assert result.code == 1
    assert words in result.err
    assert "fix:" in result.err
    assert "Traceback" not in result.err
    assert not (tmp_path / "opened").exists()


def test_other_files_that_are_no_adapter(
    in_process_engine: None, sidestep: Any, good: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    shutil.copytree(good, tmp_path / "album" / "final")
    (tmp_path / "lora.pt").write_bytes(pickle.dumps(Bomb(tmp_path / "opened")))
    (tmp_path / "empty").mkdir()
    save_file({"decoder.weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    for number, (path, words) in enumerate(
        (
            ("lora.pt", "pickle"),
            ("empty", "no adapter"),
            ("model.safetensors", "holds no adapter"),
            ("album", f"choose its adapter: {tmp_path / 'album' / 'final'}"),
        )
    ):
        result = sidestep(
            "verify", tmp_path / path, "--model", tiny_checkpoint, "--device", "cpu", "--run", tmp_path / str(number)
        )
        assert (result.code, words in result.err) == (1, True), result.err
        assert not (tmp_path / "opened").exists()


def test_an_adapter_of_another_model_size(
    in_process_engine: None, sidestep: Any, good: Path, reference_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    model = reference_checkpoint("acestep-v15-xl-turbo")
    result = sidestep("verify", good, "--model", model, "--device", "cpu", "--run", tmp_path / "run")
    assert (result.code, "trained on" in result.err) == (1, True), result.err
