"""Reads the `.pt` samples of other ACE-Step trainers, and says where their conditioning is off.

A dict with target_latents [T, 64], encoder_hidden_states [L, D], encoder_attention_mask [L], context_latents [T, 128]
and metadata, beside a manifest.json. Padding is dropped; context is made anew by training.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from sidestep_tui.acestep.model_config import LATENT_CHANNELS
from sidestep_tui.errors import SidestepError
from sidestep_tui.told import told

_LEAKING_MODE: Final = "lokr"
_USUAL_PADDED_LENGTH: Final = 769


@dataclass(frozen=True, slots=True)
class Foreign:
    """One sample of another trainer, padding already dropped: latents [T, 64], condition [L, D]."""

    latents: Tensor
    condition: Tensor
    metadata: dict[str, Any]
    repeat: int
    warnings: tuple[str, ...]


def find_samples(folder: Path) -> tuple[list[Path], list[str]]:
    """The finished samples of a folder, each once, and what its manifest lists without its being there.

    Paths in a manifest may be absolute, relative to it, or relative to a working directory that is gone; then the
    file name beside the manifest counts.

    Raises:
        SidestepError: there is none.
    """
    try:
        listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["samples"]
        named = {path: _locate(folder, path) for path in listed if isinstance(path, str)}
    except (OSError, ValueError, KeyError, TypeError):
        named = {}
    located = [file for file in dict.fromkeys(named.values()) if file is not None]
    files = [file for file in located or sorted(folder.glob("*.pt")) if not file.name.endswith(".tmp.pt")]
    if not files:
        raise SidestepError("There are no preprocessed samples.", where=folder, fix="choose a folder with .pt files")
    return files, [path for path, file in named.items() if file is None]


def read_foreign(file: Path, condition_size: int) -> Foreign:
    """One sample, checked.

    Raises:
        SidestepError: it is damaged, empty, no number, of another model, or its context holds the very song to be
            learned.
    """
    stored = _read(file)
    latents, condition, mask = stored.latents, stored.condition, stored.mask
    if condition.ndim != 2 or condition.shape[1] != condition_size or latents.shape[1:] != (LATENT_CHANNELS,):
        raise SidestepError(
            f"The sample is of another model: its latents are {tuple(latents.shape)} and its condition "
            f"{tuple(condition.shape)}, the model takes [T, {LATENT_CHANNELS}] and [L, {condition_size}].",
            where=file,
            fix="choose the model that it was made with",
        )
    _refuse_unusable(file, stored)
    source = stored.context[:, :LATENT_CHANNELS] if stored.context.ndim == 2 else stored.context
    same = source.shape == latents.shape and torch.allclose(source, latents, atol=1e-3)
    if stored.metadata.get("preprocess_mode") == _LEAKING_MODE or same:
        raise SidestepError(
            "The sample holds the song itself as context; training on it teaches copying.",
            where=file,
            fix="preprocess the song with `sidestep preprocess`",
        )
    valid = int(stored.frames.sum())
    warnings = _warnings(latents, mask, stored.metadata, valid)
    return Foreign(latents[:valid], condition[mask], stored.metadata, stored.repeat, warnings)


class _Stored(NamedTuple):
    """A file's content: latents [T, 64], context [T, 128], condition [L, D], and the bool masks [T] and [L]."""

    latents: Tensor
    context: Tensor
    condition: Tensor
    frames: Tensor
    mask: Tensor
    metadata: dict[str, Any]
    repeat: int


def _read(file: Path) -> _Stored:
    """What the file holds, not yet looked at.

    Raises:
        SidestepError: it is not what the other trainers write.
    """
    try:
        document = torch.load(file, map_location="cpu", weights_only=True)
        latents, frames = document["target_latents"].float(), document.get("attention_mask")
        metadata = dict(document.get("metadata") or {})
        return _Stored(
            latents=latents,
            context=document["context_latents"].float(),
            condition=document["encoder_hidden_states"].float(),
            frames=frames.bool() if isinstance(frames, Tensor) else torch.ones(len(latents), dtype=torch.bool),
            mask=document["encoder_attention_mask"].bool(),
            metadata=metadata,
            repeat=max(1, int(metadata.get("repeat") or 1)),
        )
    except (OSError, RuntimeError, EOFError, KeyError, AttributeError, TypeError, ValueError, UnpicklingError) as error:
        raise SidestepError(
            f"The sample cannot be read: {error}.", where=file, fix="preprocess the song again"
        ) from error


def _refuse_unusable(file: Path, stored: _Stored) -> None:
    """What would end a training run in its first epoch ends the import of this sample alone."""
    if stored.frames.shape != stored.latents.shape[:1] or stored.mask.shape != stored.condition.shape[:1]:
        reason = told("A mask of the sample is not as long as what it masks.")
    elif not stored.frames.any() or not stored.mask.any():
        reason = told("The sample is empty: all of it is padding.")
    elif not (torch.isfinite(stored.latents).all() and torch.isfinite(stored.condition).all()):
        reason = told("Not a number in the sample.")
    else:
        return
    raise SidestepError(reason, where=file, fix="preprocess the song again")


def _warnings(latents: Tensor, mask: Tensor, metadata: dict[str, Any], valid: int) -> tuple[str, ...]:
    found = [told("The latents are one frozen draw; every epoch will see the same.")]
    if not bool(mask.all()):
        padding = int((~mask).sum())
        found.append(told(f"{padding} of {len(mask)} condition tokens are padding; they are dropped."))
    if len(mask) == _USUAL_PADDED_LENGTH:
        found.append(told("The lyrics were cut at 512 tokens, without the template that inference uses."))
    if not metadata.get("duration"):
        found.append(told("The prompt names no duration."))
    if valid < len(latents):
        frames = len(latents) - valid
        found.append(told(f"{frames} latent frames are padding; they are dropped."))
    return tuple(found)


def _locate(folder: Path, path: str) -> Path | None:
    name = path.replace("\\", "/")
    candidates = (Path(name), folder / name, folder / Path(name).name)
    return next((candidate for candidate in candidates if candidate.is_file()), None)
