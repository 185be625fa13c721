"""An adapter put on the DiT for generation, from a training run or from any file that `sidestep export` writes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from peft import inject_adapter_in_model
from torch import nn

from sidestep_tui.engine.adapter import (
    CONFIG_FILE,
    PREFIX,
    AdapterFile,
    load_adapter,
    peft_config,
    put_weights,
    set_scale,
)
from sidestep_tui.engine.export_modules import ModuleAdapter
from sidestep_tui.engine.export_read import read_exported
from sidestep_tui.engine.verify import put_into
from sidestep_tui.errors import SidestepError

_NAME: Final = "default"


def apply_adapter(transformer: nn.Module, path: Path, strength: float) -> None:
    """Puts an adapter on the DiT.

    LoRA and DoRA stay beside the weights in float32; LoKr and LoHa files of LyCORIS, which do not say how they were
    made, are added to the weights.

    Raises:
        SidestepError: it is no adapter, damaged, or of another model size.
    """
    if (path / CONFIG_FILE).is_file():
        load_adapter(transformer, path, strength, _NAME)
        return
    _, modules = read_exported(path)
    if all(module.family in ("lora", "dora") for module in modules.values()):
        _inject(transformer, modules, path, strength)
        return
    try:
        put_into(transformer, {name: replace(one, scale=one.scale * strength) for name, one in modules.items()})
    except AttributeError as error:  # torch: the model has no such module
        raise _of_another_model(path) from error


def lora_file(modules: Mapping[str, ModuleAdapter]) -> AdapterFile:
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


def _inject(transformer: nn.Module, modules: Mapping[str, ModuleAdapter], path: Path, strength: float) -> None:
    file = lora_file(modules)
    try:
        inject_adapter_in_model(peft_config(file), transformer, adapter_name=_NAME)
    except ValueError as error:  # PEFT: a target that the model does not have
        raise _of_another_model(path) from error
    put_weights(transformer, file.weights, _NAME)
    if strength != 1.0:
        set_scale(transformer, strength, _NAME)


def _of_another_model(path: Path) -> SidestepError:
    return SidestepError(
        "The adapter's modules are not those of the model.", where=path, fix="use the model that it was trained on"
    )
