"""Adapters on the DiT: PEFT's five families, injected, saved and loaded under ACE-Step's original module names."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from peft import (
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    PeftConfig,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from peft.tuners.lora import LoraLayer
from peft.tuners.lycoris_utils import LycorisLayer
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sidestep_tui.acestep.keymap import to_diffusers, to_original
from sidestep_tui.config.adapter import AdapterBase
from sidestep_tui.engine.adapters.config import check_numbers, new_config
from sidestep_tui.engine.adapters.injection import inject
from sidestep_tui.engine.adapters.place import CONFIG_FILE, WEIGHTS_FILE, check_trained
from sidestep_tui.engine.adapters.targets import Target
from sidestep_tui.engine.tensor_files import write_tensors
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_json_atomic

PREFIX: Final = "base_model.model."
"""What PEFT and ACE-Step put before the module names in an adapter file."""
_NAME: Final = "default"
_CONFIGS: Final[dict[str, type[PeftConfig]]] = {
    "LORA": LoraConfig,
    "LOKR": LoKrConfig,
    "LOHA": LoHaConfig,
    "OFT": OFTConfig,
}
_NAMED_BY_MODULE: Final = ("rank_pattern", "alpha_pattern")


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """An adapter as it lies on disk: PEFT's configuration and the weights, both under original names.

    Weight keys are as in the file: `base_model.model.layers.0.self_attn.q_proj.lora_A.weight`.
    """

    config: dict[str, Any]
    weights: dict[str, Tensor]

    @property
    def modules(self) -> tuple[str, ...]:
        """Original names of the adapted modules."""
        return tuple(self.config["target_modules"])


def inject_new(transformer: nn.Module, settings: AdapterBase, targets: Sequence[Target], seed: int) -> PeftConfig:
    """Puts a fresh adapter on the DiT: initialised from `seed`, trainable, float32; everything else frozen."""
    config = new_config(settings, targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject(transformer, config, _NAME)
    return config


def trainable(transformer: nn.Module) -> dict[str, nn.Parameter]:
    """The adapter's parameters by name: the only ones that ask for gradients."""
    return {name: parameter for name, parameter in transformer.named_parameters() if parameter.requires_grad}


def adapter_weights(transformer: nn.Module) -> dict[str, Tensor]:
    """The adapter's weights on the CPU under the keys of the file."""
    state = get_peft_model_state_dict(transformer, adapter_name=_NAME, save_embedding_layers=False)
    return {PREFIX + to_original(key): value.detach().cpu().clone() for key, value in state.items()}


def put_weights(transformer: nn.Module, weights: dict[str, Tensor], name: str = _NAME) -> None:
    """Sets an injected adapter's weights from the keys of a file, every one of them.

    Raises:
        SidestepError: a key of the file or of the adapter finds no partner, or a shape differs.
    """
    state = get_peft_model_state_dict(transformer, adapter_name=name, save_embedding_layers=False)
    wanted = {PREFIX + to_original(key): tuple(value.shape) for key, value in state.items()}
    given = {key: tuple(value.shape) for key, value in weights.items()}
    wrong = sorted(key for key in wanted.keys() | given.keys() if wanted.get(key) != given.get(key))
    if wrong:
        raise SidestepError(
            f"{len(wrong)} of {len(wanted)} adapter tensors do not fit the model, for instance {wrong[0]}: "
            f"the file has {given.get(wrong[0], 'none')}, the model takes {wanted.get(wrong[0], 'none')}.",
            fix="use the adapter with the model size that it was trained on",
        )
    mapped = {to_diffusers(key.removeprefix(PREFIX)): value for key, value in weights.items()}
    set_peft_model_state_dict(transformer, mapped, adapter_name=name)


def save_adapter(folder: Path, config: PeftConfig, weights: dict[str, Tensor], model_name: str) -> None:
    """Writes an adapter as PEFT and ACE-Step load it: two files, original module names, the adapter alone."""
    document = {key: value for key, value in config.to_dict().items() if value is not None}
    document |= {
        "base_model_name_or_path": model_name,
        "inference_mode": True,
        "target_modules": sorted({split_key(key)[0] for key in weights}),
    }
    for field in _NAMED_BY_MODULE:
        if field in document:  # OFT has none
            document[field] = {to_original(name): value for name, value in document[field].items()}
    write_json_atomic(folder / CONFIG_FILE, document)
    write_tensors(folder / WEIGHTS_FILE, weights, {"format": "pt"})


def read_adapter(folder: Path) -> AdapterFile:
    """An adapter folder in PEFT's form, under original or diffusers module names.

    Raises:
        SidestepError: files are missing or damaged, the family is unknown, or a weight is not a number.
    """
    check_trained(folder)
    try:
        config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        check_numbers(config)
        weights = load_file(folder / WEIGHTS_FILE)
    except (OSError, ValueError, SafetensorError) as error:
        raise SidestepError(f"The adapter cannot be read: {error}.", where=folder, fix="take another copy") from error
    if str(config.get("peft_type")) not in _CONFIGS:
        raise SidestepError(
            "The adapter's family is unknown.", where=folder / CONFIG_FILE, fix="use LoRA … OFT of PEFT"
        )
    if bad := [key for key, value in weights.items() if not torch.isfinite(value).all()]:
        raise SidestepError(f"Not a number in the adapter: {bad[0]}.", where=folder, fix="use an earlier checkpoint")
    weights = {PREFIX + to_original(key.removeprefix(PREFIX)): value for key, value in weights.items()}
    _check_modules(config.get("target_modules"), weights, folder)
    config["target_modules"] = sorted({split_key(key)[0] for key in weights})
    for field in _NAMED_BY_MODULE:
        if field in config:  # OFT has none
            config[field] = {to_original(name): value for name, value in (config[field] or {}).items()}
    return AdapterFile(config, weights)


def load_adapter(transformer: nn.Module, folder: Path, scale: float = 1.0, name: str = _NAME) -> AdapterFile:
    """Injects a saved adapter into the DiT, every key accounted for, at a strength (1 is as trained).

    Raises:
        SidestepError: the adapter is damaged or of another model size, or its family has no strength.
    """
    file = read_adapter(folder)
    put_on(transformer, file, folder, scale, name)
    return file


def put_on(transformer: nn.Module, file: AdapterFile, where: Path, scale: float = 1.0, name: str = _NAME) -> None:
    """Injects an adapter that was read from `where`, in float32.

    Raises:
        SidestepError: the adapter is damaged or of another model size, or its family has no strength.
    """
    try:
        inject(transformer, _peft_config(file), name)
    except ValueError as error:  # PEFT: a target that the model does not have
        raise SidestepError(
            "The adapter's modules are not those of the model.",
            where=where,
            fix="use the model that it was trained on",
        ) from error
    put_weights(transformer, file.weights, name)
    if scale != 1.0:
        set_scale(transformer, scale, name)


def set_scale(transformer: nn.Module, scale: float, name: str = _NAME) -> None:
    """Multiplies the effect of an adapter; 0 switches it off, negative values turn it round.

    Raises:
        SidestepError: the family has no scale (OFT rotates).
    """
    layers = (module for module in transformer.modules() if isinstance(module, LoraLayer | LycorisLayer))
    holders = [layer for layer in layers if name in layer.scaling]
    if not holders:
        raise SidestepError("An OFT adapter has no strength other than 1.", where="adapter_scale", fix="use 1")
    for layer in holders:
        layer.set_scale(name, scale)


def scale_of(layer: nn.Module) -> tuple[float, int]:
    """What an injected layer multiplies its adapter by, and the adapter's rank.

    Raises:
        AttributeError, KeyError: there is no adapter on it.
    """
    return float(layer.scaling[_NAME]), int(layer.r[_NAME])  # type: ignore[index]


def _peft_config(file: AdapterFile) -> PeftConfig:
    """PEFT's configuration of a saved adapter, with diffusers' module names."""
    kind = _CONFIGS[file.config["peft_type"]]
    known = {key: value for key, value in file.config.items() if key in kind.__dataclass_fields__}
    known["target_modules"] = [to_diffusers(name) for name in file.modules]
    for field in _NAMED_BY_MODULE:
        if field in known:
            known[field] = {to_diffusers(name): value for name, value in known[field].items()}
    return kind(**known)


def _check_modules(declared: object, weights: dict[str, Tensor], folder: Path) -> None:
    """Where the configuration lists whole module names, every one of them must have weights."""
    if not isinstance(declared, list) or not all(str(name).startswith("layers.") for name in declared):
        return
    if without := sorted({to_original(name) for name in declared} - {split_key(key)[0] for key in weights}):
        raise SidestepError(
            f"{len(without)} modules of the adapter have no weights, for instance {without[0]}.",
            where=folder,
            fix="take another copy; the file is incomplete",
        )


def split_key(key: str) -> tuple[str, str]:
    """`base_model.model.layers.0.mlp.up_proj.lora_A.weight` -> `layers.0.mlp.up_proj`, `lora_A.weight`."""
    parts = key.removeprefix(PREFIX).split(".")
    return ".".join(parts[:4]), ".".join(parts[4:])
