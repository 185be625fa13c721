"""Measured modules as a grid, for the terminal and for the report: which layer, which kind of module. Pure."""

import math
import re
from dataclasses import dataclass
from typing import Final

from sidestep_tui.runs.events import ModuleSensitivity

_IN_LAYER: Final = re.compile(r"^layers\.(\d+)\.(\w+)\.(\w+?)(?:_proj)?$")
_BLOCKS: Final = ("self_attn", "cross_attn", "mlp")
_PARTS: Final = ("q", "k", "v", "o", "gate", "up", "down")


@dataclass(frozen=True, slots=True)
class Grid:
    """Modules by kind (rows) and layer (columns), each from 0 (weakest) to 1 (strongest) by the logarithm."""

    kinds: tuple[str, ...]
    layers: int
    levels: dict[tuple[str, int], float]


def make_grid(modules: tuple[ModuleSensitivity, ...]) -> Grid:
    """The grid of all modules that lie in layers and moved at all."""
    placed = {place: m.sensitivity for m in modules if m.sensitivity > 0 and (place := place_of(m.module))}
    if not placed:
        return Grid((), 0, {})
    low, high = math.log(min(placed.values())), math.log(max(placed.values()))
    span = high - low
    levels = {place: (math.log(value) - low) / span if span else 1.0 for place, value in placed.items()}
    kinds = sorted({kind for kind, _ in placed}, key=_kind_order)
    return Grid(tuple(kinds), 1 + max(layer for _, layer in placed), levels)


def place_of(module: str) -> tuple[str, int] | None:
    """`layers.3.self_attn.q_proj` is (`self q`, 3); None for what is in no layer."""
    found = _IN_LAYER.match(module)
    return (f"{found[2].removesuffix('_attn')} {found[3]}", int(found[1])) if found else None


def _kind_order(kind: str) -> tuple[int, int, str]:
    """Self-attention, cross-attention, MLP; within them q, k, v, o and gate, up, down."""
    block, _, part = kind.partition(" ")
    blocks = [name.removesuffix("_attn") for name in _BLOCKS]
    block_rank = blocks.index(block) if block in blocks else len(blocks)
    return block_rank, _PARTS.index(part) if part in _PARTS else len(_PARTS), kind
