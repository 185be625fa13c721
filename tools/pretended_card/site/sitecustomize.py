"""What must differ where no kernel runs: imported by Python itself at its start, from `tools.pretended_card`.

cuDNN and cuSOLVER talk to the driver in ways that are not pretended, so torch does without the first and one call of
the second. Code that decides by numbers which the card would have computed is given an answer here.
"""

import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def _torch(torch: Any) -> None:
    torch.backends.cudnn.enabled = False
    torch.backends.cuda.enable_cudnn_sdp(False)
    finite, qr = torch.isfinite, torch.linalg.qr

    def some_basis(matrix: Any, *arguments: Any, **named: Any) -> Any:
        if not matrix.is_cuda:
            return qr(matrix, *arguments, **named)
        rank = min(matrix.shape[-2:])
        return matrix[..., :rank], matrix.new_zeros(*matrix.shape[:-2], rank, matrix.shape[-1])

    torch.isfinite = lambda x: torch.ones(x.shape, dtype=torch.bool) if x.is_cuda else finite(x)
    torch.linalg.qr = some_basis


def _scheduler(module: Any) -> None:
    module.FlowMatchEulerDiscreteScheduler.index_for_timestep = lambda *_arguments, **_named: 0


def _timbre(module: Any) -> None:
    import torch

    def unpacked(packed: Any, _order: Any) -> Any:
        return packed[None], torch.ones(1, len(packed), dtype=torch.long, device=packed.device)

    module.AceStepTimbreEncoder.unpack_timbre_embeddings = staticmethod(unpacked)


def _right(module: Any) -> None:
    module._deviation = lambda *_arguments: 0.0


_CHANGES: dict[str, Callable[[Any], None]] = {
    "torch": _torch,
    "diffusers.schedulers.scheduling_flow_match_euler_discrete": _scheduler,
    "diffusers.pipelines.ace_step.modeling_ace_step": _timbre,
    "sidestep_tui.acestep.compiled_check": _right,
    "sidestep_tui.acestep.flash": _right,
    "sidestep_tui.engine.training.graphs": _right,
}


class _Changing:
    """Finds the modules to change as anyone would, and changes them when they have been made."""

    def __init__(self) -> None:
        self._left = dict(_CHANGES)

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        change = self._left.pop(name, None)
        if change is None:
            return None
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return None
        make = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            make(module)
            change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Changing())  # type: ignore[arg-type]
