"""The forms in which consumers load adapters, each with a writer and with a reader that reads as the consumer does.

The readers are the proof: what they find in a written file must do what the trained adapter does.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from sidestep_tui.acestep.keymap import to_diffusers, to_original
from sidestep_tui.config.adapter import Family
from sidestep_tui.config.jobs import ExportFormat
from sidestep_tui.engine.adapters.adapter import PREFIX, AdapterFile, read_adapter
from sidestep_tui.engine.adapters.config import unscaled_lora
from sidestep_tui.engine.adapters.place import COMFYUI_FILE, CONFIG_FILE, DIFFUSERS_FILE, LYCORIS_FILE, WEIGHTS_FILE
from sidestep_tui.engine.export.lycoris import (
    lycoris_metadata,
    module_of_stem,
    read_lycoris,
    refuse_leftover_keys,
    write_lycoris,
)
from sidestep_tui.engine.export.modules import ModuleAdapter, split_modules
from sidestep_tui.engine.export.weights_file import load_weights, save_weights
from sidestep_tui.files import write_json_atomic
from sidestep_tui.told import told

Modules = Mapping[str, ModuleAdapter]

_DIFFUSERS_PREFIX: Final = "transformer."
_METADATA_KEY: Final = "lora_adapter_metadata"
_LORA_KEY: Final = re.compile(r"\.(lora_A\.weight|lora_B\.weight|lora_magnitude_vector)$")
_OTHER_FACTOR: Final = {"down.weight": "up.weight", "A.weight": "B.weight"}


@dataclass(frozen=True, slots=True)
class Format:
    """One form.

    Attributes:
        families: what the consumer can apply.
        refusal: why it takes no other.
        write: writes into a folder; tensors in the given dtype.
        read: the modules of such a file, or of the folder that it lies in, with the scale that the consumer gives them.
    """

    families: frozenset[Family]
    refusal: str
    write: Callable[[Path, AdapterFile, Modules, torch.dtype], None]
    read: Callable[[Path], dict[str, ModuleAdapter]]


def _write_peft(folder: Path, file: AdapterFile, _modules: Modules, dtype: torch.dtype) -> None:
    """Original module names, alpha in the configuration: ACE-Step's Gradio and API, and PEFT itself."""
    write_json_atomic(folder / CONFIG_FILE, file.config)
    save_weights(folder / WEIGHTS_FILE, file.weights, dtype, {"format": "pt"})


def _read_peft(folder: Path) -> dict[str, ModuleAdapter]:
    """What PEFT makes of an adapter folder."""
    return split_modules(read_adapter(folder))


def _write_diffusers(folder: Path, _file: AdapterFile, modules: Modules, dtype: torch.dtype) -> None:
    """diffusers' own module names, and a scale of 1.

    `load_lora_weights` recognises ACE-Step's names only by q and k projections and then ignores alpha; its own names it
    takes in any selection. The scale is in lora_B, so that readers with and without the metadata agree.
    """
    tensors = {
        f"{_DIFFUSERS_PREFIX}{to_diffusers(name)}.{suffix}": tensor
        for name, module in modules.items()
        for suffix, tensor in module.unscaled().tensors.items()
    }
    ranks = {to_diffusers(name): module.rank for name, module in modules.items() if module.rank is not None}
    config = unscaled_lora(ranks, max(ranks.values())) | {
        "target_modules": sorted(ranks),
        "use_dora": any(module.family == "dora" for module in modules.values()),
        "lora_bias": False,
    }
    metadata = json.dumps({f"{_DIFFUSERS_PREFIX}{key}": value for key, value in config.items()}, sort_keys=True)
    save_weights(folder / DIFFUSERS_FILE, tensors, dtype, {"format": "pt", _METADATA_KEY: metadata})


def _read_diffusers(path: Path) -> dict[str, ModuleAdapter]:
    """What diffusers makes of a LoRA file with its own module names: the scale is 1 where no metadata gives another."""
    file = _in(path, DIFFUSERS_FILE)
    tensors, metadata = load_weights(file)
    weights = {PREFIX + to_original(key.removeprefix(_DIFFUSERS_PREFIX)): value for key, value in tensors.items()}
    refuse_leftover_keys([key for key in weights if not _LORA_KEY.search(key)], file)
    stored: dict[str, Any] = json.loads(metadata.get(_METADATA_KEY, "{}"))
    config = {key.removeprefix(_DIFFUSERS_PREFIX): value for key, value in stored.items()}
    for pattern in ("rank_pattern", "alpha_pattern"):
        config[pattern] = {to_original(name): value for name, value in config.get(pattern, {}).items()}
    if not stored:
        config |= {"r": 1, "lora_alpha": 1, "use_dora": any("magnitude" in key for key in weights)}
    return split_modules(AdapterFile(config | {"peft_type": "LORA"}, weights))


def _write_comfyui(folder: Path, file: AdapterFile, modules: Modules, dtype: torch.dtype) -> None:
    """One file with lora_down, lora_up and alpha for each module; without alpha ComfyUI would apply scale 1."""
    if next(iter(modules.values())).family != "lora":
        write_lycoris(folder / COMFYUI_FILE, modules, dtype, lycoris_metadata(file.config, modules))
        return
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        down = module.tensors["lora_A.weight"]
        tensors[f"{PREFIX}{name}.lora_down.weight"] = down
        tensors[f"{PREFIX}{name}.lora_up.weight"] = module.tensors["lora_B.weight"]
        tensors[f"{PREFIX}{name}.alpha"] = torch.tensor(module.scale * len(down))
    save_weights(folder / COMFYUI_FILE, tensors, dtype, {"format": "pt"})


def _read_comfyui(path: Path) -> dict[str, ModuleAdapter]:
    """What ComfyUI makes of a file: the scale is alpha / rank where there is an alpha, else 1.

    It finds modules under several names and takes PEFT's names of the factors too (`comfy/lora.py`).
    """
    file = _in(path, COMFYUI_FILE)
    tensors, _ = load_weights(file)
    if any(".lokr_w" in key or ".hada_w" in key for key in tensors):
        return read_lycoris(file)
    modules: dict[str, ModuleAdapter] = {}
    for key in list(tensors):
        stem, _, factor = key.rpartition(".lora_")
        name = module_of_stem(stem)
        if name is None or factor not in _OTHER_FACTOR:
            continue
        down, up = tensors.pop(key), tensors.pop(f"{stem}.lora_{_OTHER_FACTOR[factor]}")
        alpha = tensors.pop(f"{stem}.alpha", None)
        scale = 1.0 if alpha is None else float(alpha) / max(len(down), 1)
        modules[name] = ModuleAdapter("lora", {"lora_A.weight": down, "lora_B.weight": up}, scale)
    refuse_leftover_keys(tensors, file)
    return modules


def _write_lycoris(folder: Path, file: AdapterFile, modules: Modules, dtype: torch.dtype) -> None:
    write_lycoris(folder / LYCORIS_FILE, modules, dtype, lycoris_metadata(file.config, modules))


FORMATS: Final[dict[ExportFormat, Format]] = {
    "peft": Format(frozenset({"lora", "dora", "lokr", "loha", "oft"}), "", _write_peft, _read_peft),
    "diffusers": Format(
        frozenset({"lora", "dora"}),
        told("diffusers' load_lora_weights rejects every file whose keys are not those of a LoRA"),
        _write_diffusers,
        _read_diffusers,
    ),
    "comfyui": Format(
        frozenset({"lora", "lokr", "loha"}),
        told("ComfyUI's formula for DoRA and OFT is not the one that was trained"),
        _write_comfyui,
        _read_comfyui,
    ),
    "lycoris": Format(
        frozenset({"lokr", "loha"}),
        told("the LyCORIS form is for LoKr and LoHa"),
        _write_lycoris,
        lambda path: read_lycoris(_in(path, LYCORIS_FILE)),
    ),
}


def _in(path: Path, name: str) -> Path:
    return path / name if path.is_dir() else path
