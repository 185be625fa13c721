"""A trained adapter taken apart: for each module its tensors, its scale, and what they do to the frozen weight."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Final

import torch
from peft.utils.other import get_pattern_key
from torch import Tensor

from sidestep_tui.config.adapter import Family
from sidestep_tui.engine.adapter import AdapterFile, split_key
from sidestep_tui.errors import SidestepError

_MAGNITUDE: Final = "lora_magnitude_vector"


@dataclass(frozen=True, slots=True)
class ModuleAdapter:
    """The adapter of one module.

    Attributes:
        family: which formula joins the tensors.
        tensors: by PEFT's names without the module: `lora_A.weight` [r, in], `lora_B.weight` [out, r],
            `lora_magnitude_vector` [out], `lokr_w1` …, `hada_w1_a` …
        scale: what the product is multiplied by (alpha / r, or alpha / sqrt(r) for rank-stabilised LoRA).
    """

    family: Family
    tensors: Mapping[str, Tensor]
    scale: float

    @property
    def rank(self) -> int | None:
        """The inner dimension of the product; None where no factor has one."""
        for name in ("lora_A.weight", "hada_w1_b", "lokr_w1_b", "lokr_w2_b"):
            if name in self.tensors:
                return self.tensors[name].shape[0]
        return None

    def effect(self) -> dict[str, Tensor]:
        """What it does, in float32: `delta` [out, in] (for DoRA before normalising), and what else it holds."""
        tensors = {name: tensor.float() for name, tensor in self.tensors.items()}
        match self.family:
            case "lora":
                return {"delta": self.scale * tensors["lora_B.weight"] @ tensors["lora_A.weight"]}
            case "dora":
                delta = self.scale * tensors["lora_B.weight"] @ tensors["lora_A.weight"]
                return {"delta": delta, "magnitude": tensors[_MAGNITUDE]}
            case "loha":
                first = tensors["hada_w1_a"] @ tensors["hada_w1_b"]
                return {"delta": self.scale * first * (tensors["hada_w2_a"] @ tensors["hada_w2_b"])}
            case "lokr":
                first, second = (_factor(tensors, name) for name in ("lokr_w1", "lokr_w2"))
                return {"delta": self.scale * torch.kron(first, second)}
            case "oft":
                return tensors

    def unscaled(self) -> "ModuleAdapter":
        """The same effect with scale 1: the scale is multiplied into one of the factors."""
        for name in ("lora_B.weight", "hada_w1_a", "lokr_w1", "lokr_w1_a"):
            if name in self.tensors:
                folded = {**self.tensors, name: self.tensors[name].float() * self.scale}
                return replace(self, tensors=folded, scale=1.0)
        return self


def family_of(config: Mapping[str, Any]) -> Family:
    """The family of an adapter by its PEFT configuration."""
    kind = str(config["peft_type"]).lower()
    if kind == "lora" and config.get("use_dora"):
        return "dora"
    families: dict[str, Family] = {"lora": "lora", "lokr": "lokr", "loha": "loha", "oft": "oft"}
    return families[kind]


def split_modules(file: AdapterFile) -> dict[str, ModuleAdapter]:
    """The adapters of a file by original module name, `layers.0.self_attn.q_proj`.

    Raises:
        SidestepError: a module has rank 0.
    """
    family = family_of(file.config)
    tensors: dict[str, dict[str, Tensor]] = {}
    for key, value in file.weights.items():
        module, name = split_key(key)
        tensors.setdefault(module, {})[name] = value
    modules = {
        name: ModuleAdapter(family, tensors[name], _scale(name, file.config, family)) for name in sorted(tensors)
    }
    if empty := [name for name, module in modules.items() if 0 in (t.numel() for t in module.tensors.values())]:
        raise SidestepError(f"The adapter of {empty[0]} is empty (rank 0).", fix="train with a rank of at least 1")
    return modules


def _scale(name: str, config: Mapping[str, Any], family: Family) -> float:
    if family == "oft":
        return 1.0
    ranks, alphas = config.get("rank_pattern") or {}, config.get("alpha_pattern") or {}
    rank = ranks.get(get_pattern_key(list(ranks), name), config["r"])
    own = config["lora_alpha"] if family in ("lora", "dora") else config["alpha"]
    alpha = alphas.get(get_pattern_key(list(alphas), name), own)
    return float(alpha) / (sqrt(rank) if config.get("use_rslora") else rank)


def _factor(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    """A Kronecker factor, stored whole or as a product."""
    return tensors[name] if name in tensors else tensors[f"{name}_a"] @ tensors[f"{name}_b"]
