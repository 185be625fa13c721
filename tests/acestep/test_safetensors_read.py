"""Reading stored tensors: the same values as the library reads, from whole and torn files, and no memory beside."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sidestep_tui.acestep import safetensors_read
from sidestep_tui.acestep.safetensors_index import TensorEntry, read_header
from sidestep_tui.acestep.safetensors_read import fill_tensors, stored_dtype
from sidestep_tui.errors import SidestepError

STORED = {
    "whole": torch.randn(3, 5),
    "half": torch.randn(7, 2).bfloat16(),
    "number": torch.tensor(2.5),
    "nothing": torch.zeros(0, 4),
    "count": torch.arange(5),
    "small": torch.tensor([1.0, -2.0]).to(torch.float8_e4m3fn),
}


def stored(folder: Path) -> dict[str, TensorEntry]:
    save_file(STORED, folder / "model.safetensors")
    return {entry.name: entry for entry in read_header(folder / "model.safetensors")}


def read(entry: TensorEntry, dtype: torch.dtype) -> torch.Tensor:
    target = torch.full(entry.shape, 99.0).to(dtype)
    fill_tensors(entry.file, [(entry, target)])
    return target


@pytest.mark.parametrize("name", STORED)
def test_a_tensor_is_read_as_it_was_stored(name: str, tmp_path: Path) -> None:
    entry = stored(tmp_path)[name]
    assert torch.equal(read(entry, stored_dtype(entry)).float(), STORED[name].float())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("buffer_bytes", [8, 48, 2**20])
def test_another_precision_passes_through_the_buffer_in_pieces(
    dtype: torch.dtype, buffer_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safetensors_read, "_BUFFER_BYTES", buffer_bytes)
    entries = stored(tmp_path)
    targets = {name: torch.empty(entry.shape, dtype=dtype) for name, entry in entries.items()}
    fill_tensors(tmp_path / "model.safetensors", [(entries[name], target) for name, target in targets.items()])
    assert all(torch.equal(target, STORED[name].to(dtype)) for name, target in targets.items())


def test_a_file_that_ends_early_and_one_that_is_gone_are_told(tmp_path: Path) -> None:
    entry = stored(tmp_path)["whole"]
    entry.file.write_bytes(entry.file.read_bytes()[: entry.end - 1])
    with pytest.raises(SidestepError, match="cannot be read"):
        read(entry, torch.float32)
    entry.file.unlink()
    with pytest.raises(SidestepError, match="cannot be read"):
        read(entry, torch.float32)


def test_a_header_whose_sizes_disagree_and_an_unknown_precision_are_told(tmp_path: Path) -> None:
    entry = stored(tmp_path)["whole"]
    for spoilt in (
        TensorEntry(entry.file, entry.name, entry.dtype, entry.shape, entry.start, entry.end - 4),
        TensorEntry(entry.file, entry.name, "F4", entry.shape, entry.start, entry.end),
    ):
        with pytest.raises(SidestepError, match="cannot be read"):
            read(spoilt, torch.float32)


def test_a_header_that_ends_a_tensor_nowhere_is_damaged(tmp_path: Path) -> None:
    header = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}'
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(SidestepError, match="damaged"):
        read_header(tmp_path / "model.safetensors")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the kernel's figures")
@pytest.mark.parametrize(("kept", "loaded"), [("bfloat16", "bfloat16"), ("float32", "bfloat16")])
def test_resident_memory_rises_by_the_tensors_alone(kept: str, loaded: str, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({str(index): torch.ones(64, 2**18, dtype=getattr(torch, kept)) for index in range(8)}, file)
    probe = (
        "import sys, torch; from pathlib import Path; from sidestep_tui.acestep.safetensors_index import read_header;"
        "from sidestep_tui.acestep.safetensors_read import fill_tensors;"
        "status = lambda: Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0];"
        "entries = read_header(Path(sys.argv[1])); before = int(status());"
        "targets = [torch.empty(entry.shape, dtype=getattr(torch, sys.argv[2])) for entry in entries];"
        "fill_tensors(entries[0].file, zip(entries, targets)); print(int(status()) - before)"
    )
    command = [sys.executable, "-c", probe, str(file), loaded]
    risen = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) * 1024
    weights = 8 * 64 * 2**18 * getattr(torch, loaded).itemsize
    assert weights <= risen < 1.25 * weights


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_card_gets_the_same_values(dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safetensors_read, "_BUFFER_BYTES", 8)
    entries = stored(tmp_path)
    targets = {name: torch.empty(entry.shape, dtype=dtype, device="cuda") for name, entry in entries.items()}
    fill_tensors(tmp_path / "model.safetensors", [(entries[name], target) for name, target in targets.items()])
    assert all(torch.equal(target.cpu(), STORED[name].to(dtype)) for name, target in targets.items())
