"""A model written anew in either layout, tensor by tensor: converted, cast to another precision, or changed.

Merged exports and `sidestep models convert` both come through here. Weights that nothing changes are copied as bytes;
at no time is more than one tensor in memory, whatever the size of the model.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from sidestep_tui.acestep import keymap
from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.convert_files import (
    lacking_siblings,
    write_diffusers_files,
    write_original_files,
    write_siblings,
)
from sidestep_tui.acestep.layout import Layout
from sidestep_tui.acestep.safetensors_index import TensorEntry
from sidestep_tui.acestep.safetensors_write import SHARD_BYTES, PlannedTensor, write_model
from sidestep_tui.acestep.weights import read_tensor
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import directory_atomic

Change = Callable[[Tensor], Tensor]
Adapt = Callable[[str], Change | None]
"""What is done to a weight of the DiT, by its diffusers name; None leaves its values as they are."""

FLOATS: Final = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_NAMES: Final = {dtype: name for name, dtype in FLOATS.items()}
_SILENCE: Final = "silence_latent"


def write_checkpoint(
    output: Path,
    checkpoint: Checkpoint,
    layout: Layout,
    adapt: Adapt = lambda _name: None,
    dtype: torch.dtype | None = None,
    on_tensor: Callable[[int, int], None] = lambda _done, _total: None,
    shard_bytes: int = SHARD_BYTES,
) -> None:
    """Writes the model to the new folder `output`.

    In the original layout VAE and text encoder lie beside a model; where the output's own parent folder lacks them,
    they are copied there.

    Args:
        output: the model folder.
        checkpoint: what is written anew.
        layout: of the output.
        adapt: changes weights of the DiT on their way.
        dtype: of all stored floating-point weights but the silence latent; None keeps what each has.
        on_tensor: called with tensors done and in all.
        shard_bytes: the largest weights file.

    Raises:
        SidestepError: `output` exists, a part of the model is missing or damaged, or the disk is full.
    """
    plans = {
        component: list(_planned(checkpoint, component, layout, adapt, dtype))
        for component in checkpoint.stored_components
    }
    siblings = lacking_siblings(output, checkpoint) if layout is Layout.ORIGINAL else {}
    total, done = sum(map(len, plans.values())), 0

    def count() -> None:
        nonlocal done
        done += 1
        on_tensor(done, total)

    with directory_atomic(output) as folder:
        if layout is Layout.DIFFUSERS:
            write_diffusers_files(folder, checkpoint)
            for component, plan in plans.items():
                write_model(folder / component, "diffusion_pytorch_model", plan, count, shard_bytes)
            return
        write_original_files(folder, checkpoint, dtype)
        write_model(folder, "model", chain.from_iterable(plans.values()), count, shard_bytes)
        write_siblings(siblings)


def read_weight(entry: TensorEntry) -> Tensor:
    """A stored floating-point tensor in its own precision.

    Raises:
        SidestepError: it is quantised, or the file cannot be read.
    """
    if entry.dtype not in FLOATS:
        raise SidestepError(
            f"The weights are of type {entry.dtype}, which cannot be changed.",
            where=entry.file,
            fix="use the unquantised model",
        )
    return read_tensor(entry)


def _planned(
    checkpoint: Checkpoint, component: str, layout: Layout, adapt: Adapt, dtype: torch.dtype | None
) -> Iterator[PlannedTensor]:
    """The tensors of a component as the output stores them, in the order of the source."""
    entries = checkpoint.entries(component)
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].file, item[1].start)):
        if name == _SILENCE:
            if layout is Layout.DIFFUSERS:
                yield _plan(name, entry, None, None)
            continue  # the original layout has a file of its own for it
        change = adapt(name) if component == "transformer" else None
        target = name if layout is Layout.DIFFUSERS else keymap.join_original_key(component, name)
        yield _plan(target, entry, change, dtype)
    if component == "condition_encoder" and layout is Layout.DIFFUSERS and _SILENCE not in entries:
        silence = checkpoint.silence_latent()[None]
        yield PlannedTensor(_SILENCE, "F32", tuple(silence.shape), silence.nbytes, partial(_bytes_of, silence))


def _plan(name: str, entry: TensorEntry, change: Change | None, dtype: torch.dtype | None) -> PlannedTensor:
    stored = entry.dtype if dtype is None or entry.dtype not in FLOATS else _NAMES[dtype]
    if change is None and stored == entry.dtype:
        return PlannedTensor(name, stored, entry.shape, entry.end - entry.start, partial(_read_bytes, entry))

    def read() -> bytes:
        weight = read_weight(entry)
        return _bytes_of((weight if change is None else change(weight)).to(FLOATS[stored]))

    return PlannedTensor(name, stored, entry.shape, entry.parameters * FLOATS[stored].itemsize, read)


def _read_bytes(entry: TensorEntry) -> bytes:
    with entry.file.open("rb") as stream:
        stream.seek(entry.start)
        return stream.read(entry.end - entry.start)


def _bytes_of(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
