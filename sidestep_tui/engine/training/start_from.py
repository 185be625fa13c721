"""A run that goes on from an adapter: any form that is read for generation becomes the weights training starts with."""

from collections.abc import Collection
from pathlib import Path

from torch import Tensor, nn

from sidestep_tui.acestep.keymap import to_diffusers
from sidestep_tui.config.adapter import AdapterBase, adapter_family
from sidestep_tui.engine.adapters.adapter import PREFIX, adapter_weights, put_weights, scale_of, split_key
from sidestep_tui.engine.export.modules import ModuleAdapter
from sidestep_tui.engine.export.read import read_exported
from sidestep_tui.errors import SidestepError


def start_from(transformer: nn.Module, settings: AdapterBase, path: Path) -> None:
    """Gives the freshly injected adapter the effect of the one at `path`, whatever scale each of them has.

    Args:
        transformer: the DiT with the run's adapter injected.
        settings: of the run's adapter.
        path: an adapter in any form that `sidestep export` writes, or that ACE-Step, ComfyUI and diffusers load.

    Raises:
        SidestepError: it cannot be read, or is of another family, of other modules, or of other ranks.
    """
    family = adapter_family(settings)
    _, modules = read_exported(path)
    theirs = next(iter(modules.values())).family
    if theirs != family:
        raise SidestepError(
            f"The adapter to start from is a {theirs}, the run trains a {family}.",
            where=path,
            fix=f"set adapter.family to {theirs}",
        )
    ranks = {module.rank for module in modules.values() if module.rank is not None}
    weights: dict[str, Tensor] = {}
    for name, module in modules.items():
        fitted = module if family == "oft" else module.rescaled(_scale(transformer, name, module, path, ranks))
        weights |= {f"{PREFIX}{name}.{key}": tensor for key, tensor in fitted.tensors.items()}
    _refuse_modules_without_start(transformer, modules, path)
    put_weights(transformer, weights)


def _refuse_modules_without_start(transformer: nn.Module, modules: Collection[str], path: Path) -> None:
    bare = sorted({split_key(key)[0] for key in adapter_weights(transformer)} - set(modules))
    if bare:
        raise SidestepError(
            f"The adapter to start from has no weights for {len(bare)} of the modules that this run adapts, for "
            f"instance {bare[0]}.",
            where=path,
            fix="choose the same modules in adapter.targets, and the model size that it was trained on",
        )


def _scale(transformer: nn.Module, name: str, module: ModuleAdapter, path: Path, ranks: Collection[int]) -> float:
    """The scale that training gives to a module; `ranks` are all that the adapter to start from has."""
    try:
        scale, rank = scale_of(transformer.get_submodule(to_diffusers(name)))
    except (AttributeError, KeyError) as error:  # torch: no such module; PEFT: no adapter on it
        raise SidestepError(
            f"The adapter to start from has weights for {name}, which this run does not adapt.",
            where=path,
            fix="choose the same modules in adapter.targets, and the model size that it was trained on",
        ) from error
    if module.rank is not None and module.rank != rank:
        raise SidestepError(
            f"The adapter to start from has rank {module.rank} at {name}, this run {rank}.",
            where=path,
            fix=f"set adapter.rank to {module.rank}"
            if len(ranks) == 1
            else "set adapter.targets_from to the ranking that its ranks were taken from",
        )
    return scale
