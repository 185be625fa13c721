"""Fewer directions for a LoRA: the best approximation of each update at a lower rank (Eckart and Young, 1936)."""

from dataclasses import replace

import torch

from sidestep_tui.engine.adapters.adapter import PREFIX, AdapterFile
from sidestep_tui.engine.adapters.config import unscaled_lora
from sidestep_tui.engine.export.modules import family_of, split_modules
from sidestep_tui.errors import SidestepError


def reduce_rank(file: AdapterFile, rank: int) -> tuple[AdapterFile, float]:
    """The adapter with at most `rank` directions in each module, and the share of its energy that it keeps.

    Energy is the squared Frobenius norm of all updates. The scale goes into lora_B, so alpha equals the rank.

    Raises:
        SidestepError: the adapter is no plain LoRA.
    """
    if family_of(file.config) != "lora":
        raise SidestepError("Only a LoRA has a rank that can be reduced.", where="rank", fix="leave --rank away")
    weights: dict[str, torch.Tensor] = {}
    ranks: dict[str, int] = {}
    kept = total = 0.0
    for name, module in split_modules(file).items():
        down, up = module.tensors["lora_A.weight"].float(), module.tensors["lora_B.weight"].float() * module.scale
        # B A = Qb (Rb Ra^T) Qa^T: the singular values of the small middle matrix are those of the whole product.
        q_up, r_up = torch.linalg.qr(up)
        q_down, r_down = torch.linalg.qr(down.T)
        left, values, right = torch.linalg.svd(r_up @ r_down.T)
        ranks[name] = min(rank, len(values))
        root = values[: ranks[name]].sqrt()
        weights[f"{PREFIX}{name}.lora_A.weight"] = root[:, None] * (right[: ranks[name]] @ q_down.T)
        weights[f"{PREFIX}{name}.lora_B.weight"] = (q_up @ left[:, : ranks[name]]) * root
        kept += float(values[: ranks[name]].square().sum())
        total += float(values.square().sum())
    config = file.config | unscaled_lora(ranks, rank) | {"use_rslora": False}
    return replace(file, config=config, weights=weights), kept / total if total else 1.0
