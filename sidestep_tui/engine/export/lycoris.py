"""LoKr and LoHa as LyCORIS stores them: what ACE-Step's application and ComfyUI load."""

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from sidestep_tui.engine.export.modules import ModuleAdapter
from sidestep_tui.engine.export.weights_file import load_weights, save_weights
from sidestep_tui.errors import SidestepError

_STEM: Final = re.compile(
    r"(?:base_model[._]model|lycoris|diffusion_model[._]decoder|lora_unet_decoder)[._]"
    r"layers[._](\d+)[._](self_attn|cross_attn|mlp)[._]((?:q|k|v|o|gate|up|down)_proj)$"
)


_TENSORS: Final = {
    *("alpha", "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b"),
    *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"),
}


def write_lycoris(
    path: Path, modules: Mapping[str, ModuleAdapter], dtype: torch.dtype, metadata: dict[str, str]
) -> None:
    """One file, keys as `lycoris_layers_0_self_attn_q_proj.lokr_w1`.

    Readers scale by alpha / rank, with the rank of a factor that is stored as a product, but not all of them once:
    LyCORIS 4.1 squares the scale of LoKr where it merges, and a network that is built from the metadata keeps the
    scale that it was built with. So the scale is in the weights and alpha equals the rank, which all of them take as 1.
    """
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        stem = f"lycoris_{name.replace('.', '_')}"
        tensors |= {f"{stem}.{key}": tensor for key, tensor in module.unscaled().tensors.items()}
        tensors[f"{stem}.alpha"] = torch.tensor(float(module.rank or 1))
    save_weights(path, tensors, dtype, metadata)


def read_lycoris(path: Path) -> dict[str, ModuleAdapter]:
    """The modules of a file, scaled as its consumers do.

    Raises:
        SidestepError: a key names no module of the DiT, or a tensor of another family (`dora_scale`).
    """
    grouped: dict[str, dict[str, Tensor]] = {}
    leftover: list[str] = []
    for key, value in load_weights(path)[0].items():
        stem, _, tensor = key.rpartition(".")
        name = module_of_stem(stem)
        if name is not None and tensor in _TENSORS:
            grouped.setdefault(name, {})[tensor] = value
        else:
            leftover.append(key)
    refuse_leftover_keys(leftover, path)
    return {name: _module(tensors) for name, tensors in grouped.items()}


def module_of_stem(stem: str) -> str | None:
    """The original module name behind what consumers put before a tensor's name; None where they know no module.

    `lycoris_layers_0_mlp_up_proj`, `base_model.model.layers.0.mlp.up_proj` -> `layers.0.mlp.up_proj`.
    """
    match = _STEM.match(stem)
    return None if match is None else "layers.{}.{}.{}".format(*match.groups())


def lycoris_metadata(config: Mapping[str, Any], modules: Mapping[str, ModuleAdapter]) -> dict[str, str]:
    """The file's metadata: ACE-Step's application builds its network anew from `lokr_config` before it loads."""
    family = next(iter(modules.values())).family
    network = {
        "linear_dim": config["r"],
        "linear_alpha": config["r"],
        "factor": config.get("decompose_factor", -1),
        "decompose_both": bool(config.get("decompose_both", False)),
        "use_tucker": False,
        "use_scalar": False,
        "weight_decompose": False,
        "full_matrix": False,
        "bypass_mode": False,
        "rs_lora": False,
        "unbalanced_factorization": False,
        "target_modules": sorted({name.rsplit(".", 1)[-1] for name in modules}),
    }
    return {"format": "lycoris", "algo": family, "lokr_config": json.dumps(network, sort_keys=True)}


def refuse_leftover_keys(keys: Collection[str], path: Path) -> None:
    """Keys that a consumer would pass over in silence are an error here.

    Raises:
        SidestepError: there are any.
    """
    if keys:
        raise SidestepError(
            f"{len(keys)} tensors of the file belong to no module, for instance {min(keys)}.",
            where=path,
            fix="export the adapter again",
        )


def _module(tensors: dict[str, Tensor]) -> ModuleAdapter:
    alpha = tensors.pop("alpha", None)
    module = ModuleAdapter("lokr" if any("lokr" in key for key in tensors) else "loha", tensors, 1.0)
    if alpha is None or module.rank is None:
        return module
    return ModuleAdapter(module.family, tensors, float(alpha) / module.rank)
