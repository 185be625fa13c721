"""Which modules of the DiT get an adapter, by their original names, with a rank and alpha of their own if proposed."""

from dataclasses import dataclass

from sidestep_tui.acestep.model_config import ModelConfig
from sidestep_tui.config.adapter import AdapterBase, TargetSettings
from sidestep_tui.config.target_modules import chosen_modules, layer_beyond, module_names
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.sensitivity_file import read_sensitivity


@dataclass(frozen=True, slots=True)
class Target:
    """A module by its original name, `layers.3.self_attn.q_proj`; rank and alpha where they are its own."""

    module: str
    rank: int | None = None
    alpha: float | None = None


def all_targets(config: ModelConfig) -> tuple[str, ...]:
    """Every module that can carry an adapter, layer by layer."""
    return module_names(config.num_hidden_layers)


def choose_targets(settings: AdapterBase, config: ModelConfig) -> tuple[Target, ...]:
    """The modules that the settings ask for, in the order of the model.

    Raises:
        SidestepError: a name or layer that the model does not have, or nothing at all.
    """
    if settings.targets_from is not None:
        chosen = tuple(
            Target(entry.module, entry.rank, entry.alpha) for entry in read_sensitivity(settings.targets_from).proposal
        )
    else:
        _refuse_layers_beyond(settings.targets, config.num_hidden_layers)
        chosen = tuple(Target(name) for name in chosen_modules(settings.targets, config.num_hidden_layers))
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


def _refuse_layers_beyond(targets: TargetSettings, count: int) -> None:
    if targets.modules is None and (beyond := layer_beyond(targets.layers, count)) is not None:
        raise SidestepError(
            f"The model has {count} layers, counted from 0; there is no {beyond}.",
            where="adapter.targets.layers",
            fix=f"use numbers up to {count - 1}",
        )
