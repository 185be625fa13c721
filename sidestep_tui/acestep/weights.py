"""Fills a module with stored weights, tensor by tensor, straight onto its device and into its dtype.

The module is first built without storage (on the meta device), then every tensor gets its own, and the file is read
into it. There is never a second whole copy in host memory, and nothing is left without storage.
"""

import pickle
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from safetensors import SafetensorError
from torch import nn
from torch.nn.utils.weight_norm import WeightNorm

from sidestep_tui.acestep.safetensors_index import TensorEntry
from sidestep_tui.acestep.safetensors_read import fill_tensors, stored_dtype
from sidestep_tui.errors import SidestepError

_DOWNLOAD_AGAIN = "download the model again"


def build_and_fill(
    module_class: Any,
    arguments: dict[str, Any],
    entries: dict[str, TensorEntry],
    device: torch.device | str,
    dtype: torch.dtype,
    absent: tuple[str, ...] = (),
) -> Any:
    """A module of `module_class` holding exactly the stored tensors.

    Args:
        module_class: a diffusers model class.
        arguments: what it is built with.
        entries: stored tensors by their name in the module.
        device: where the weights go.
        dtype: of all floating-point weights.
        absent: names that the module has and the files need not have (they keep their built value).

    Returns:
        The module: frozen, in eval mode.

    Raises:
        SidestepError: tensors are missing, unexpected or misshaped, or a file cannot be read.
    """
    with init_empty_weights(include_buffers=False):
        module: nn.Module = module_class(**arguments)
    wanted = {name: tensor.shape for name, tensor in module.state_dict().items() if name not in absent}
    _check_names(wanted, entries)
    _fill(module, entries, torch.device(device), dtype)
    _recompute_weight_norm(module)
    # Buffers that are not stored (index tables, positions) were built for real: they only move.
    for name, buffer in list(module.named_buffers()):
        if name not in entries:
            target = dtype if name in absent else buffer.dtype
            _set(module, name, buffer.to(device=device, dtype=target))
    return module.requires_grad_(False).eval()


def read_tensor(entry: TensorEntry) -> torch.Tensor:
    """One stored tensor as it is, on the CPU.

    Raises:
        SidestepError: the file cannot be read.
    """
    tensor = torch.empty(entry.shape, dtype=stored_dtype(entry))
    fill_tensors(entry.file, [(entry, tensor)])
    return tensor


def read_silence_file(file: Path, channels: int) -> torch.Tensor:
    """The original layout's `silence_latent.pt`: stored [1, channels, frames], returned [frames, channels], float32.

    Raises:
        SidestepError: the file is missing, holds more than tensors, or has another shape.
    """
    if not file.is_file():
        raise SidestepError("The model has no silence latent.", where=file, fix=_DOWNLOAD_AGAIN)
    try:
        stored = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise SidestepError("The silence latent is damaged.", where=file, fix=_DOWNLOAD_AGAIN) from error
    if not isinstance(stored, torch.Tensor) or stored.ndim != 3 or stored.shape[:2] != (1, channels):
        raise SidestepError(
            f"The silence latent is not a tensor of shape [1, {channels}, frames].", where=file, fix=_DOWNLOAD_AGAIN
        )
    return stored[0].T.to(torch.float32).contiguous()


def load_qwen3(folder: Path, device: torch.device | str, dtype: torch.dtype) -> Any:
    """The text encoder from its own folder, frozen and in eval mode.

    Raises:
        SidestepError: the folder is incomplete or holds another model.
    """
    from transformers import Qwen3Model

    try:
        model, report = Qwen3Model.from_pretrained(
            folder,
            dtype=dtype,
            device_map={"": device},
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (torch.OutOfMemoryError, torch.AcceleratorError):  # which say nothing about the folder
        raise
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise SidestepError(f"The text encoder cannot be loaded: {error}", where=folder, fix=_DOWNLOAD_AGAIN) from error
    if report["missing_keys"]:
        raise _mismatch({"missing": sorted(report["missing_keys"])}, folder)
    return model.requires_grad_(False).eval()


def _check_names(wanted: dict[str, torch.Size], entries: dict[str, TensorEntry]) -> None:
    problems = {
        "missing": sorted(wanted.keys() - entries.keys()),
        "unexpected": sorted(entries.keys() - wanted.keys()),
        "misshaped": [
            f"{name} {list(entries[name].shape)} instead of {list(shape)}"
            for name, shape in sorted(wanted.items())
            if name in entries and entries[name].shape != tuple(shape)
        ],
    }
    if any(problems.values()):
        where = next(iter(entries.values())).file.parent if entries else None
        raise _mismatch(problems, where)


def _mismatch(problems: dict[str, list[str]], where: Path | None) -> SidestepError:
    parts = [
        f"{len(names)} {kind} ({', '.join(names[:3])}{', …' * (len(names) > 3)})"
        for kind, names in problems.items()
        if names
    ]
    return SidestepError(
        f"The weights do not fit the model: {'; '.join(parts)}.",
        where=where,
        fix="the folder's config.json and its weights must come from the same model",
    )


def _fill(module: nn.Module, entries: dict[str, TensorEntry], device: torch.device, dtype: torch.dtype) -> None:
    by_file: dict[Path, list[tuple[TensorEntry, torch.Tensor]]] = {}
    for name, entry in entries.items():
        target = torch.empty(entry.shape, dtype=dtype, device=device)
        _set(module, name, target)
        by_file.setdefault(entry.file, []).append((entry, target))
    for file, targets in by_file.items():
        fill_tensors(file, targets)


def _set(module: nn.Module, name: str, tensor: torch.Tensor) -> None:
    owner_path, _, leaf = name.rpartition(".")
    owner = module.get_submodule(owner_path)
    if leaf in owner._parameters:
        owner._parameters[leaf] = nn.Parameter(tensor, requires_grad=False)
    else:
        owner._buffers[leaf] = tensor


def _recompute_weight_norm(module: nn.Module) -> None:
    """The VAE's effective weights are plain attributes that were computed while there was no storage."""
    for part in module.modules():
        for hook in part._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm):
                setattr(part, hook.name, hook.compute_weight(part))
