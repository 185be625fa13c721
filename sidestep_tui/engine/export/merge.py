"""Adapters folded into the weights of a checkpoint, tensor by tensor, or of a model in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from sidestep_tui.acestep.checkpoint import Checkpoint
from sidestep_tui.acestep.convert import write_checkpoint
from sidestep_tui.acestep.keymap import to_diffusers, to_original
from sidestep_tui.acestep.layout import Layout
from sidestep_tui.engine.export.modules import ModuleAdapter
from sidestep_tui.engine.modes import whole_float32
from sidestep_tui.errors import SidestepError


@dataclass(frozen=True, slots=True)
class ModuleReport:
    """One module: the norm of its change, that of its weight, and whether the adapter does nothing to it."""

    module: str
    rank: int | None
    scale: float
    change: float
    weight: float
    dead: bool


def merged_weight(weight: Tensor, module: ModuleAdapter) -> Tensor:
    """The weight [out, in] that acts as the frozen one with its adapter, float32.

    DoRA normalises the rows of the sum and gives them the learned magnitude (Liu et al., arXiv:2402.09353, eq. 5). OFT
    rotates the inputs in blocks (Qiu et al., arXiv:2306.07280).

    Raises:
        SidestepError: shapes differ.
    """
    effect = {name: tensor.to(weight.device) for name, tensor in module.effect().items()}
    fits = "delta" not in effect or effect["delta"].shape == weight.shape
    if "rotation" in effect:
        count, side, _ = effect["rotation"].shape
        fits = weight.shape[1] % side == 0 and count in (1, weight.shape[1] // side)
    if not fits:
        made_for = list(effect["delta" if "delta" in effect else "rotation"].shape)
        raise SidestepError(
            f"The adapter is for a weight of another shape: it has {made_for}, the model has {list(weight.shape)}.",
            fix="use the model that the adapter was trained on",
        )
    if "rotation" in effect:
        blocks = weight.float().reshape(len(weight), -1, effect["rotation"].shape[-1])
        with whole_float32():
            turned = torch.einsum("obi,bji->obj", blocks, effect["rotation"].expand(blocks.shape[1], -1, -1))
        return weight.float() + turned.flatten(1)
    merged = weight.float() + effect["delta"]
    if "magnitude" in effect:
        merged *= (effect["magnitude"] / merged.norm(dim=1))[:, None]
    return merged


def merge_into(transformer: nn.Module, modules: Mapping[str, ModuleAdapter]) -> list[ModuleReport]:
    """Adds every module's change to the DiT's weights, in place, and measures it.

    Raises:
        SidestepError: a shape differs, or a change is not a number.
    """
    reports: list[ModuleReport] = []
    for name, module in modules.items():
        linear = transformer.get_submodule(to_diffusers(name))
        weight = linear.get_parameter("weight")
        merged = merged_weight(weight, module)
        change = float((merged - weight).norm())
        if not torch.isfinite(merged).all():
            raise SidestepError(f"Not a number in the adapter of {name}.", fix="use an earlier checkpoint")
        reports.append(ModuleReport(name, module.rank, module.scale, change, float(weight.norm()), change == 0.0))
        weight.data.copy_(merged)
    return reports


def write_merged(
    output: Path,
    checkpoint: Checkpoint,
    modules: Mapping[str, ModuleAdapter],
    layout: Layout | None,
    dtype: torch.dtype | None,
    on_tensor: Callable[[int, int], None],
) -> None:
    """A new model folder in which the adapter is part of the DiT's weights.

    Args:
        output: the new folder.
        checkpoint: what the adapter was trained on.
        modules: the adapter by original module name.
        layout: of the output; None keeps the model's.
        dtype: of the output; None keeps the model's.
        on_tensor: called with tensors done and in all.

    Raises:
        SidestepError: a module is not in the checkpoint, or `output` exists.
    """
    there = {to_original(name).removesuffix(".weight") for name in checkpoint.entries("transformer")}
    if unmatched := sorted(modules.keys() - there):
        raise SidestepError(
            f"{len(unmatched)} modules of the adapter are not in the model, for instance {unmatched[0]}.",
            where=checkpoint.path,
            fix="use the model that the adapter was trained on",
        )

    def adapt(name: str) -> Callable[[Tensor], Tensor] | None:
        module = modules.get(to_original(name).removesuffix(".weight")) if name.endswith(".weight") else None
        return None if module is None else lambda weight: merged_weight(weight, module)

    write_checkpoint(output, checkpoint, layout or checkpoint.layout, adapt, dtype, on_tensor)
