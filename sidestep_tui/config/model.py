"""The model: which checkpoint, on which device, in which precision."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from sidestep_tui.config.base import Section, Shown

BaseVariant = Literal["turbo", "base", "sft"]


class ModelSettings(Section):
    """Which checkpoint is adapted, and where it runs."""

    checkpoint: Annotated[Path, Shown(short="model", personal=True, resumable=True)]
    """A model folder in ACE-Step's original layout or in the diffusers layout."""

    base: Annotated[BaseVariant | None, Shown("advanced", short="base")] = None
    """What a community fine-tune was made from, where its config does not say."""

    device: Annotated[
        str,
        Field(pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$"),
        Shown("advanced", short="device", personal=True, resumable=True),
    ] = "auto"
    """`auto` takes the CUDA card with most memory, else the CPU; `cuda:1` the second card as `nvidia-smi` counts those
    that CUDA_VISIBLE_DEVICES leaves."""

    precision: Annotated[Literal["auto", "float32", "bfloat16"], Shown("advanced")] = "auto"
    """Of the frozen weights: `auto` is bfloat16 on a card that has it, else float32. The adapter is always float32."""
