"""A trained adapter taken apart: for each module its tensors, its scale, and what they do to the frozen weight."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isqrt, sqrt
from typing import Any, Final

import torch
from peft.tuners.oft.layer import OFTRotationModule
from peft.utils.other import get_pattern_key
from torch import Tensor

from sidestep_tui.config.adapter import Family
from sidestep_tui.engine.adapters.adapter import AdapterFile, split_key
from sidestep_tui.errors import SidestepError

_MAGNITUDE: Final = "lora_magnitude_vector"
_FORMS: Final[dict[Family, tuple[set[str], ...]]] = {
    "lora": ({"lora_A.weight", "lora_B.weight"},),
    "dora": ({"lora_A.weight", "lora_B.weight", _MAGNITUDE},),
    "loha": ({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"},),
    "lokr": tuple(
        first | second
        for first in ({"lokr_w1"}, {"lokr_w1_a", "lokr_w1_b"})
        for second in ({"lokr_w2"}, {"lokr_w2_a", "lokr_w2_b"})
    ),
    "oft": ({"oft_R.weight"},),
}
"""The tensors of a module by family; LoKr stores each Kronecker factor whole or as a product."""


@dataclass(frozen=True, slots=True)
class ModuleAdapter:
    """The adapter of one module.

    Attributes:
        family: which formula joins the tensors.
        tensors: by PEFT's names without the module: `lora_A.weight` [r, in], `lora_B.weight` [out, r],
            `lora_magnitude_vector` [out], `lokr_w1` …, `hada_w1_a` …
        scale: what the product is multiplied by (alpha / r, or alpha / sqrt(r) for rank-stabilised LoRA).
        neumann_terms: of the series that OFT puts in the place of the inverse in Cayley's transform; 0 inverts exactly.
    """

    family: Family
    tensors: Mapping[str, Tensor]
    scale: float
    neumann_terms: int = 0

    @property
    def rank(self) -> int | None:
        """The inner dimension of the product; None where no factor has one."""
        for name in ("lora_A.weight", "hada_w1_b", "lokr_w1_b", "lokr_w2_b"):
            if name in self.tensors:
                return self.tensors[name].shape[0]
        return None

    def effect(self) -> dict[str, Tensor]:
        """What it does, in float32.

        Returns:
            `delta` [out, in] (for DoRA before normalising) and DoRA's `magnitude` [out]; for OFT `rotation`
            [blocks, side, side], the rotations without the identity.
        """
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
                return {"rotation": _rotation(tensors["oft_R.weight"], self.neumann_terms)}

    def unscaled(self) -> "ModuleAdapter":
        """The same effect with scale 1."""
        return self.rescaled(1.0)

    def rescaled(self, scale: float) -> "ModuleAdapter":
        """The same effect with another scale: the ratio is multiplied into one of the factors."""
        for name in ("lora_B.weight", "hada_w1_a", "lokr_w1", "lokr_w1_a"):
            if name in self.tensors:
                folded = {**self.tensors, name: self.tensors[name].float() * (self.scale / scale)}
                return replace(self, tensors=folded, scale=scale)
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
        SidestepError: a module has rank 0, is incomplete, or holds something that is not a number.
    """
    family = family_of(file.config)
    tensors: dict[str, dict[str, Tensor]] = {}
    for key, value in file.weights.items():
        module, name = split_key(key)
        tensors.setdefault(module, {})[name] = value
    terms = file.config.get("num_cayley_neumann_terms", 5) if file.config.get("use_cayley_neumann", True) else 0
    modules = {
        name: ModuleAdapter(family, tensors[name], _scale(name, file.config, family), terms) for name in sorted(tensors)
    }
    refuse_unusable(modules)
    return modules


def refuse_unusable(modules: Mapping[str, ModuleAdapter], where: object = None) -> None:
    """Holds every module to what its family's formula takes.

    Raises:
        SidestepError: a tensor is missing, one too many, empty, or not a number.
    """
    for name, module in modules.items():
        found = module.tensors.keys()
        if not any(found == form for form in _FORMS[module.family]):
            raise SidestepError(
                f"The adapter of {name} is no whole {module.family}: it has {', '.join(sorted(found))}.",
                where=where,
                fix="take another copy, or export it again",
            )
        for key, tensor in module.tensors.items():
            if tensor.numel() == 0:
                raise SidestepError(
                    f"The adapter of {name} is empty (rank 0).", where=where, fix="train with a rank of at least 1"
                )
            if not torch.isfinite(tensor).all():
                raise SidestepError(
                    f"Not a number in the adapter: {name}.{key}.", where=where, fix="use an earlier checkpoint"
                )


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


def _rotation(entries: Tensor, neumann_terms: int) -> Tensor:
    """PEFT's rotations [blocks, side, side] less the identity, from the upper triangles [blocks, side (side - 1) / 2].

    Cayley's transform (I + Q)(I - Q)^-1, or its series I + 2Q + 2Q^2 + … with a last term that is not doubled.
    """
    side = (1 + isqrt(1 + 8 * entries.shape[1])) // 2
    rotate = OFTRotationModule(
        len(entries), entries.shape[1], side, side * len(entries),
        use_cayley_neumann=neumann_terms > 0, num_cayley_neumann_terms=neumann_terms,
    )  # fmt: skip
    blocks: Tensor = rotate._cayley_batch(entries, side, neumann_terms > 0, neumann_terms)
    return blocks - torch.eye(side)
