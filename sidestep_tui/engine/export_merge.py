"""Adapters folded into the weights of a checkpoint, tensor by tensor, in the layout and precision that it has.

A safetensors file keeps its header when its tensors keep their names, types and shapes; so the merged file is the old
one with some of its bytes replaced, and at no time more than one tensor is in memory.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Final

import torch
from torch import Tensor

from sidestep_tui.acestep import keymap
from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.layout import Layout
from sidestep_tui.acestep.safetensors_index import TensorEntry, read_header
from sidestep_tui.engine.export_modules import ModuleAdapter
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import directory_atomic

_DTYPES: Final = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_BLOCK: Final = 1 << 24


def merged_weight(weight: Tensor, module: ModuleAdapter) -> Tensor:
    """The weight [out, in] that acts as the frozen one with its adapter, float32.

    DoRA normalises the rows of the sum and gives them the learned magnitude (Liu et al., arXiv:2402.09353, eq. 5).

    Raises:
        SidestepError: shapes differ, or the family cannot be merged here.
    """
    if module.family == "oft":
        raise SidestepError("OFT adapters cannot be merged yet.", fix="export it for peft")
    effect = module.effect()
    if effect["delta"].shape != weight.shape:
        raise SidestepError(
            f"The adapter is for a weight of shape {list(effect['delta'].shape)}, the model has {list(weight.shape)}.",
            fix="use the model that the adapter was trained on",
        )
    merged = weight.float() + effect["delta"].to(weight.device)
    if "magnitude" in effect:
        merged *= (effect["magnitude"].to(weight.device) / merged.norm(dim=1))[:, None]
    return merged


def write_merged(
    output: Path,
    checkpoint: Checkpoint,
    modules: Mapping[str, ModuleAdapter],
    on_tensor: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """A copy of the checkpoint's folder in which the adapter is part of the DiT's weights.

    Args:
        output: the new folder. In the original layout VAE and text encoder stay where they are, beside the model.
        checkpoint: what the adapter was trained on.
        modules: the adapter by original module name.
        on_tensor: called with adapted tensors done and in all.

    Raises:
        SidestepError: a module is not in the checkpoint, or `output` exists.
    """
    pending = dict(modules)

    def adapted(name: str, weight: Tensor) -> Tensor | None:
        module = pending.pop(_module_of(name, checkpoint.layout), None)
        if module is None:
            return None
        on_tensor(len(modules) - len(pending), len(modules))
        return merged_weight(weight, module)

    with directory_atomic(output) as folder:
        shutil.copytree(
            checkpoint.path, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors", "*.py")
        )
        for source in sorted(checkpoint.path.rglob("*.safetensors")):
            target = folder / source.relative_to(checkpoint.path)
            of_dit = checkpoint.layout is Layout.ORIGINAL or source.parent.name == "transformer"
            if of_dit:
                _rewrite(source, target, adapted)
            else:
                shutil.copyfile(source, target)
        if pending:
            raise SidestepError(
                f"{len(pending)} modules of the adapter are not in the model, for instance {next(iter(pending))}.",
                where=checkpoint.path,
                fix="use the model that the adapter was trained on",
            )


def _module_of(tensor: str, layout: Layout) -> str:
    """The original module name of a weight in a checkpoint's file; for anything else a name that no module has."""
    if layout is Layout.DIFFUSERS:
        return keymap.to_original(tensor).removesuffix(".weight")
    owner = keymap.split_original_key(tensor)
    if owner is None or owner[0] != "transformer":
        return ""
    return keymap.to_original(owner[1]).removesuffix(".weight")


def _rewrite(source: Path, target: Path, adapted: Callable[[str, Tensor], Tensor | None]) -> None:
    """Copies a safetensors file with the tensors that `adapted` replaces."""
    with source.open("rb") as reader, target.open("wb") as writer:
        for entry in sorted(read_header(source), key=lambda entry: entry.start):
            _copy(reader, writer, entry.start)
            if not entry.name.endswith(".weight") or len(entry.shape) != 2:
                continue
            weight = _read(reader, entry)
            replacement = adapted(entry.name, weight)
            reader.seek(entry.start)
            if replacement is not None:
                writer.write(_bytes_of(replacement.to(weight.dtype)))
                reader.seek(entry.end)
        _copy(reader, writer, source.stat().st_size)


def _copy(reader: BinaryIO, writer: BinaryIO, end: int) -> None:
    """Copies everything up to a byte offset."""
    while (left := end - reader.tell()) > 0:
        writer.write(reader.read(min(left, _BLOCK)))


def _read(reader: BinaryIO, entry: TensorEntry) -> Tensor:
    if entry.dtype not in _DTYPES:
        raise SidestepError(
            f"The weights are of type {entry.dtype}, which cannot be merged into.",
            where=entry.file,
            fix="use the unquantised model",
        )
    data = bytearray(reader.read(entry.end - entry.start))
    return torch.frombuffer(data, dtype=_DTYPES[entry.dtype]).reshape(entry.shape)


def _bytes_of(tensor: Tensor) -> bytes:
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()
