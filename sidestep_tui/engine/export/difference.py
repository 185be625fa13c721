"""A LoRA out of the difference of two checkpoints: the best approximation of each weight's change at a given rank.

By Eckart and Young (1936) that is the truncated singular value decomposition. It is found by randomised subspace
iteration (Halko, Martinsson and Tropp, arXiv:0909.4061), which is exact where the change has no more directions than
asked for; what is lost is measured, not estimated. One pair of weights is in memory at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.convert import FLOATS, read_weight
from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.acestep.safetensors_index import TensorEntry
from sidestep_tui.engine.adapters.adapter import PREFIX, AdapterFile
from sidestep_tui.engine.adapters.config import unscaled_lora
from sidestep_tui.engine.adapters.targets import all_targets
from sidestep_tui.errors import SidestepError

_OVERSAMPLING: Final = 16
_ITERATIONS: Final = 6


@dataclass(frozen=True, slots=True)
class Extracted:
    """A LoRA and how much of the difference it holds.

    Attributes:
        file: the adapter.
        energy_kept: the share of the squared Frobenius norm of the adapted weights' change.
        left_out: tensors that differ and that no LoRA reaches (norms, embeddings, encoders).
    """

    file: AdapterFile
    energy_kept: float
    left_out: tuple[str, ...]


def extract_lora(
    base: Checkpoint,
    tuned: Checkpoint,
    rank: int,
    on_module: Callable[[int, int], None] = lambda _done, _total: None,
) -> Extracted:
    """The LoRA that leads from `base` to `tuned`, in either layout each; modules that do not differ have none.

    Raises:
        SidestepError: the models differ in size or not at all, or hold weights that are no floating-point numbers.
    """
    weights: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    kept = total = 0.0
    for module, change in _changes(base, tuned, on_module):
        energy = float(change.square().sum())
        if energy == 0.0:
            continue
        up, down = _factors(change, min(rank, *change.shape))
        ranks[module] = len(down)
        weights[f"{PREFIX}{module}.lora_A.weight"], weights[f"{PREFIX}{module}.lora_B.weight"] = down, up
        total += energy
        kept += energy - float((change - up @ down).square().sum())
    if not weights:
        raise SidestepError(
            "The two models have the same weights in every module that a LoRA can adapt.",
            where=tuned.path,
            fix="give the model that it was made from",
        )
    return Extracted(AdapterFile(_config(ranks, rank, base), weights), kept / total, _left_out(base, tuned))


def _changes(
    base: Checkpoint, tuned: Checkpoint, on_module: Callable[[int, int], None]
) -> Iterator[tuple[str, Tensor]]:
    """What `tuned` adds to the weight of every module that a LoRA can adapt, in float32.

    Raises:
        SidestepError: the models differ in size, or hold weights that are no floating-point numbers.
    """
    if base.config.hidden_size != tuned.config.hidden_size or base.config.layer_types != tuned.config.layer_types:
        raise SidestepError(
            "The two models are not of the same size.", where=tuned.path, fix="give the model that it was made from"
        )
    targets = all_targets(base.config)
    ours, theirs = base.entries("transformer"), tuned.entries("transformer")
    for done, module in enumerate(targets, start=1):
        name = f"{to_diffusers(module)}.weight"
        change = read_weight(theirs[name]).float() - read_weight(ours[name]).float()
        on_module(done, len(targets))
        if not torch.isfinite(change).all():
            raise SidestepError(f"Not a number in {name}.", where=tuned.path, fix="take another copy of the model")
        yield module, change


def _factors(change: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """B [out, r] and A [r, in] with B A nearest to `change` [out, in]."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # the same models give the same file
        wide = min(rank + _OVERSAMPLING, *change.shape)
        left, values, right = torch.svd_lowrank(change, q=wide, niter=_ITERATIONS)
    root = values[:rank].sqrt()
    return (left[:, :rank] * root).contiguous(), (root[:, None] * right[:, :rank].T).contiguous()


def _config(ranks: dict[str, int], rank: int, base: Checkpoint) -> dict[str, object]:
    return unscaled_lora(ranks, rank) | {
        "peft_type": "LORA",
        "target_modules": sorted(ranks),
        "base_model_name_or_path": base.path.name,
        "inference_mode": True,
    }


def _left_out(base: Checkpoint, tuned: Checkpoint) -> tuple[str, ...]:
    adapted = {f"{to_diffusers(module)}.weight" for module in all_targets(base.config)}
    return tuple(
        f"{component}.{name}"
        for component in base.stored_components
        for name, ours, theirs in _pairs(base.entries(component), tuned.entries(component))
        if not (component == "transformer" and name in adapted) and _differ(ours, theirs)
    )


def _pairs(
    ours: dict[str, TensorEntry], theirs: dict[str, TensorEntry]
) -> Iterator[tuple[str, TensorEntry, TensorEntry]]:
    return ((name, ours[name], theirs[name]) for name in sorted(ours.keys() & theirs.keys()))


def _differ(ours: TensorEntry, theirs: TensorEntry) -> bool:
    if ours.dtype not in FLOATS or theirs.dtype not in FLOATS or ours.shape != theirs.shape:
        return True
    return not torch.equal(read_weight(ours).float(), read_weight(theirs).float())
