"""Which modules of the DiT get an adapter, by their original names, with a rank and alpha of their own if proposed."""

from dataclasses import dataclass
from typing import Final

from sidestep_tui.acestep.model_config import ModelConfig
from sidestep_tui.config.adapter import AdapterBase, TargetSettings
from sidestep_tui.config.dit_shape import chosen_layers, layer_beyond
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.sensitivity_file import read_sensitivity

_ATTENTIONS: Final = {
    "both": ("self_attn", "cross_attn"),
    "self": ("self_attn",),
    "cross": ("cross_attn",),
    "none": (),
}
_MLP: Final = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Target:
    """A module by its original name, `layers.3.self_attn.q_proj`; rank and alpha where they are its own."""

    module: str
    rank: int | None = None
    alpha: float | None = None


def all_targets(config: ModelConfig) -> tuple[str, ...]:
    """Every module that can carry an adapter, layer by layer."""
    return tuple(
        f"layers.{layer}.{module}"
        for layer in range(config.num_hidden_layers)
        for module in (
            *(f"{attention}.{p}_proj" for attention in _ATTENTIONS["both"] for p in "qkvo"),
            *(f"mlp.{name}" for name in _MLP),
        )
    )


def choose_targets(settings: AdapterBase, config: ModelConfig) -> tuple[Target, ...]:
    """The modules that the settings ask for, in the order of the model.

    Raises:
        SidestepError: a name or layer that the model does not have, or nothing at all.
    """
    if settings.targets_from is not None:
        chosen = tuple(
            Target(entry.module, entry.rank, entry.alpha) for entry in read_sensitivity(settings.targets_from).proposal
        )
    elif settings.targets.modules is not None:
        chosen = tuple(Target(name) for name in settings.targets.modules)
    else:
        chosen = tuple(Target(name) for name in _by_kind(settings.targets, config))
    known = {name: index for index, name in enumerate(all_targets(config))}
    if unknown := [target.module for target in chosen if target.module not in known]:
        raise SidestepError(
            f"The model has no module {', '.join(unknown[:3])}{' …' if len(unknown) > 3 else ''}.",
            where="adapter.targets",
            fix="names are like layers.3.self_attn.q_proj; the file must be of a model of this size",
        )
    if not chosen:
        raise SidestepError(
            "No module is targeted.", where="adapter.targets", fix="choose an attention, the MLP or a list of modules"
        )
    return tuple(sorted(chosen, key=lambda target: known[target.module]))


def _by_kind(settings: TargetSettings, config: ModelConfig) -> list[str]:
    count = config.num_hidden_layers
    if (beyond := layer_beyond(settings.layers, count)) is not None:
        raise SidestepError(
            f"The model has {count} layers, counted from 0; there is no {beyond}.",
            where="adapter.targets.layers",
            fix=f"use numbers up to {count - 1}",
        )
    attentions = _ATTENTIONS[settings.attention]
    kinds = [f"{attention}.{p}_proj" for attention in attentions for p in settings.projections]
    kinds += [f"mlp.{name}" for name in _MLP] if settings.mlp else []
    return [f"layers.{layer}.{kind}" for layer in sorted(chosen_layers(settings.layers, count)) for kind in kinds]
