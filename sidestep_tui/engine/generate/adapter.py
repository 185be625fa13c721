"""Adapters put on the DiT for generation, from training runs or from any file that `sidestep export` writes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from sidestep_tui.config.generate import WeightedAdapter
from sidestep_tui.engine.adapters.adapter import (
    PREFIX,
    AdapterFile,
    load_adapter,
    put_on,
)
from sidestep_tui.engine.adapters.place import CONFIG_FILE
from sidestep_tui.engine.export.merge import merge_into
from sidestep_tui.engine.export.modules import ModuleAdapter
from sidestep_tui.engine.export.read import read_exported
from sidestep_tui.errors import SidestepError

_NAME: Final = "default"
_TURNING: Final = ("dora", "oft")


def apply_adapters(transformer: nn.Module, adapters: Sequence[WeightedAdapter]) -> None:
    """Puts adapters on the DiT, so that each module changes by the sum of what they do to it.

    Raises:
        SidestepError: one of them is no adapter, damaged or of another model size, or their changes do not add up.
    """
    _check_sum(adapters)
    # What is added to the weights goes first: layers of PEFT that are there already would hide the weights.
    order = sorted(adapters, key=lambda one: _is_peft(one.path) or _is_lora(read_exported(one.path)[1]))
    names = [f"{_NAME}_{place}" if place else _NAME for place in range(len(order))]
    for one, name in zip(order, names, strict=True):
        apply_adapter(transformer, one.path, one.scale, name)
    if len(order) > 1:  # PEFT lets the one that was injected last work alone
        for module in transformer.modules():
            if isinstance(module, BaseTunerLayer):
                module.set_adapter(names, inference_mode=True)


def apply_adapter(transformer: nn.Module, path: Path, strength: float, name: str = _NAME) -> None:
    """Puts an adapter on the DiT.

    LoRA and DoRA stay beside the weights in float32; LoKr and LoHa files of LyCORIS, which do not say how they were
    made, are added to the weights.

    Raises:
        SidestepError: it is no adapter, damaged, or of another model size.
    """
    if _is_peft(path):
        load_adapter(transformer, path, strength, name)
        return
    _, modules = read_exported(path)
    if _is_lora(modules):
        put_on(transformer, _lora_file(modules), path, strength, name)
        return
    try:
        merge_into(transformer, {name: replace(one, scale=one.scale * strength) for name, one in modules.items()})
    except AttributeError as error:  # torch: the model has no such module
        raise _of_another_model(path) from error


def _lora_file(modules: Mapping[str, ModuleAdapter]) -> AdapterFile:
    """LoRA or DoRA modules as PEFT keeps them, each with its own rank and alpha."""
    ranks = {name: module.tensors["lora_A.weight"].shape[0] for name, module in modules.items()}
    config = {
        "peft_type": "LORA",
        "r": max(ranks.values()),
        "lora_alpha": max(ranks.values()),
        "rank_pattern": ranks,
        "alpha_pattern": {name: module.scale * ranks[name] for name, module in modules.items()},
        "use_dora": any(module.family == "dora" for module in modules.values()),
        "target_modules": sorted(modules),
    }
    weights = {
        f"{PREFIX}{name}.{key}": tensor for name, module in modules.items() for key, tensor in module.tensors.items()
    }
    return AdapterFile(config, weights)


def _is_peft(path: Path) -> bool:
    return (path / CONFIG_FILE).is_file()


def _is_lora(modules: Mapping[str, ModuleAdapter]) -> bool:
    return all(module.family in ("lora", "dora") for module in modules.values())


def _check_sum(adapters: Sequence[WeightedAdapter]) -> None:
    """LoRA, LoKr and LoHa add to a weight, so several of them add up. DoRA and OFT turn it, and must be alone on it."""
    if len(adapters) < 2:
        return
    held = [(one.path, read_exported(one.path)[1]) for one in adapters]
    for place, (path, modules) in enumerate(held):
        turned = {name for name, module in modules.items() if module.family in _TURNING}
        for other_place, (other, others) in enumerate(held):
            if other_place != place and (shared := sorted(turned & others.keys())):
                family = modules[shared[0]].family
                raise SidestepError(
                    f"The effect of a {family.upper()} adapter does not add up with another on the same modules, for "
                    f"instance {shared[0]}.",
                    where=f"{path} and {other}",
                    fix="use it alone, or merge it into the model first: sidestep export --format merged",
                )


def _of_another_model(path: Path) -> SidestepError:
    return SidestepError(
        "The adapter's modules are not those of the model.", where=path, fix="use the model that it was trained on"
    )
