"""What an adapter does to the model on fixed inputs, recorded where it was trained and measured again where it is used.

The record lies beside the adapter's weights and goes with an export. The model is frozen, so the recorded change of
the velocity can be asked of any copy of the adapter, in any form, on any machine. It is computed in float32: frozen
weights in half precision are widened block by block, which changes no value, and narrowed again.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from sidestep_tui.acestep.eagerly import eagerly
from sidestep_tui.acestep.flow import seeded_generator
from sidestep_tui.acestep.model_config import LATENT_CHANNELS
from sidestep_tui.acestep.precisions import precision_name
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.engine.modes import evaluating, whole_float32, without_adapter
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_json_atomic

if TYPE_CHECKING:
    from diffusers import AceStepTransformer1DModel

RECORD_FILE: Final = "velocity_record.json"
_ABOUT: Final = "the change of the velocity that this adapter makes on fixed inputs; `sidestep verify` compares it"
_FRAMES, _TOKENS, _TIMESTEP = 64, 64, 0.6
_HALF: Final = (torch.bfloat16, torch.float16)


@dataclass(frozen=True, slots=True)
class VelocityRecord:
    """What an adapter did on the fixed inputs.

    Attributes:
        dtype: of the frozen weights, without `torch.`; a float32 checkpoint trained in bfloat16 was rounded to it.
        plain: the norm of the velocity without the adapter.
        change: what the adapter adds to the velocity, [1, 64, 64], float32.
    """

    dtype: str
    plain: float
    change: Tensor


def fixed_velocity(transformer: "AceStepTransformer1DModel") -> Tensor:
    """The DiT's answer to inputs that are the same on every machine, [1, 64, 64] float32 on the CPU."""
    generator = seeded_generator(0, "verify")
    width = transformer.condition_embedder.in_features
    shapes = ((1, _FRAMES, LATENT_CHANNELS), (1, _TOKENS, width), (1, _FRAMES, 2 * LATENT_CHANNELS))
    noise, condition, context = (torch.randn(shape, generator=generator) for shape in shapes)
    with torch.no_grad(), eagerly(), whole_float32(), _in_float32(transformer):
        return velocity(transformer, noise, torch.tensor([_TIMESTEP]), condition, context).cpu()


class Recorder:
    """Records what the adapter on a DiT does, as often as asked.

    What the DiT answers without the adapter is measured at the first record and kept: its weights are frozen, so a
    second pass would give the same.
    """

    def __init__(self, transformer: "AceStepTransformer1DModel") -> None:
        self._transformer = transformer
        self._plain: Tensor | None = None

    def write(self, folder: Path) -> None:
        """Records in `folder` what the adapter does as it is now; the DiT is left as it was."""
        plain, adapted = self._velocities()
        change = adapted - plain
        document = {
            "about": _ABOUT,
            "frozen_weights": precision_name(self._transformer.proj_in_conv.weight.dtype),
            "plain_norm": float(plain.norm()),
            "shape": list(change.shape),
            "change": base64.b64encode(change.numpy().astype("<f4").tobytes()).decode("ascii"),
        }
        write_json_atomic(folder / RECORD_FILE, document)

    def _velocities(self) -> tuple[Tensor, Tensor]:
        """Without the adapter, and with it as it is now."""
        transformer = self._transformer
        with evaluating(transformer):
            if self._plain is None:
                with without_adapter(transformer):
                    self._plain = fixed_velocity(transformer)
            return self._plain, fixed_velocity(transformer)


def find_record(adapter: Path) -> VelocityRecord | None:
    """The record beside an adapter's file or in its folder; None where there is none.

    Raises:
        SidestepError: it is damaged.
    """
    file = (adapter if adapter.is_dir() else adapter.parent) / RECORD_FILE
    if not file.is_file():
        return None
    try:
        document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        values = np.frombuffer(base64.b64decode(document["change"]), dtype="<f4").reshape(document["shape"])
        return VelocityRecord(document["frozen_weights"], document["plain_norm"], torch.from_numpy(values.copy()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SidestepError("The record of the training is damaged.", where=file, fix="take another copy") from error


@contextmanager
def _in_float32(transformer: "AceStepTransformer1DModel") -> Iterator[None]:
    """Half-precision weights as float32 while they are used: the blocks one at a time, the rest for the whole time.

    Afterwards they are where they were, bytes and place in memory: recorded steps read them there
    (`engine/training/graphs.py`), and streamed blocks were pinned there.
    """
    stored = {parameter: parameter.data for parameter in transformer.parameters() if parameter.dtype in _HALF}
    of_blocks = {parameter for block in transformer.layers for parameter in block.parameters()}

    def widen(module: nn.Module, *_: object) -> None:
        for parameter in stored.keys() & set(module.parameters()):
            parameter.data = parameter.data.float()

    def restore(module: nn.Module, *_: object) -> None:
        for parameter in stored.keys() & set(module.parameters()):
            parameter.data = stored[parameter]

    hooks = [block.register_forward_pre_hook(widen) for block in transformer.layers]
    hooks += [block.register_forward_hook(restore, always_call=True) for block in transformer.layers]
    others = stored.keys() - of_blocks
    try:
        for parameter in others:
            parameter.data = parameter.data.float()
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for parameter in others:
            parameter.data = stored[parameter]
