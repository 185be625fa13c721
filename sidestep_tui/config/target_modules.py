"""The modules of the DiT that can carry an adapter, by their original names, and which of them settings choose."""

from typing import Final, get_args

from sidestep_tui.config.adapter import Projection, TargetSettings

_ATTENTIONS: Final = {
    "both": ("self_attn", "cross_attn"),
    "self": ("self_attn",),
    "cross": ("cross_attn",),
    "none": (),
}
_MLP: Final = ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")


def module_names(layers: int) -> tuple[str, ...]:
    """Every module of a DiT with so many layers that can carry an adapter, layer by layer."""
    kinds = [f"{attention}.{p}_proj" for attention in _ATTENTIONS["both"] for p in get_args(Projection)]
    return tuple(f"layers.{layer}.{kind}" for layer in range(layers) for kind in (*kinds, *_MLP))


def chosen_modules(targets: TargetSettings, layers: int) -> tuple[str, ...]:
    """The modules that the settings name, or choose by kind; what the model lacks may be among those named."""
    if targets.modules is not None:
        return targets.modules
    kinds = [f"{attention}.{p}_proj" for attention in _ATTENTIONS[targets.attention] for p in targets.projections]
    kinds += _MLP if targets.mlp else ()
    return tuple(f"layers.{layer}.{kind}" for layer in sorted(chosen_layers(targets.layers, layers)) for kind in kinds)


def chosen_layers(text: str, count: int) -> frozenset[int]:
    """The layer numbers that `all` or a list such as `0-11,20` names, as far as they exist."""
    if text == "all":
        return frozenset(range(count))
    chosen: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        chosen.update(range(int(first), int(last or first) + 1))
    return frozenset(layer for layer in chosen if layer < count)


def layer_beyond(text: str, count: int) -> int | None:
    """The highest layer number in such a list that is not below `count`; None where all of them exist."""
    highest = -1 if text == "all" else max(int(part.rpartition("-")[2]) for part in text.split(","))
    return highest if highest >= count else None
