"""The optimizers of the adapter's weights, all from kept libraries, and what a live change of their rate means."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import nn

from sidestep_tui.config.adapter import AdapterBase, LoraSettings
from sidestep_tui.config.optimisation import OptimizerSettings
from sidestep_tui.errors import SidestepError, first_line
from sidestep_tui.runs.control import rate_of

_CAME_BETA3: Final = 0.9999
_SMALLEST_IN_8_BITS: Final = 4096
_GROUP_KEYS: Final = {
    "optimizer.learning_rate": "peak",
    "adapter.b_rate_ratio": "peak",
    "optimizer.weight_decay": "weight_decay",
    "optimizer.beta1": "betas",
    "optimizer.beta2": "betas",
    "optimizer.epsilon": "eps",
}
"""Where an optimizer's parameter groups keep settings; Adafactor and CAME read some of them nowhere."""


def build_optimizer(
    parameters: dict[str, nn.Parameter], settings: OptimizerSettings, adapter: AdapterBase
) -> torch.optim.Optimizer:
    """The chosen optimizer over the adapter's parameters; each group's `peak` is its learning rate at ratio 1.

    AdamW (arXiv:1711.05101) and Adafactor (arXiv:1804.04235) are torch's; Prodigy (arXiv:2306.06101), schedule-free
    AdamW (arXiv:2405.15682) and CAME (arXiv:2307.02047) pytorch-optimizer's; 8-bit AdamW (arXiv:2110.02861)
    bitsandbytes'. LoRA+ (arXiv:2402.12354) gives the B matrices a rate `b_rate_ratio` times that of the rest.

    Raises:
        SidestepError: the optimizer's library is not installed or cannot run here.
    """
    groups = _groups(parameters, settings.peak_rate, adapter)
    rate, decay, betas = settings.peak_rate, settings.weight_decay, (settings.beta1, settings.beta2)
    devices = {parameter.device.type for parameter in parameters.values()}
    match settings.name:
        case "adamw":
            return torch.optim.AdamW(groups, rate, betas, settings.epsilon, decay, fused=devices <= {"cuda", "cpu"})
        case "adamw8bit":
            return _adamw_8bit(groups, settings, next(iter(parameters.values())).device)
        case "adafactor":
            return torch.optim.Adafactor(groups, rate, weight_decay=decay)
        case "prodigy":
            from pytorch_optimizer import Prodigy

            return Prodigy(groups, rate, betas, weight_decay=decay, eps=settings.epsilon, safeguard_warmup=True)
        case "schedule_free":
            from pytorch_optimizer import ScheduleFreeAdamW

            return ScheduleFreeAdamW(groups, rate, betas, weight_decay=decay, eps=settings.epsilon)
        case "came":
            from pytorch_optimizer import CAME

            return CAME(groups, rate, (*betas, _CAME_BETA3), weight_decay=decay)


def set_rate(optimizer: torch.optim.Optimizer, ratio: float) -> float:
    """Sets every group to `ratio` of its peak; gives the first group's rate."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * ratio
    return float(optimizer.param_groups[0]["lr"])


def change_while_running(optimizer: torch.optim.Optimizer, values: Mapping[str, str]) -> None:
    """Gives the first group another peak rate from the next step on, and the others the same multiple of it as before.

    It is part of the optimizer's state, and so of the checkpoints from now on.

    Args:
        optimizer: as `build_optimizer` gives it.
        values: new values of settings by dotted path, as people type them.

    Raises:
        UsageError: one of them cannot be set while running, or not to this value.
    """
    for path, value in values.items():
        factor = rate_of(path, value) / optimizer.param_groups[0]["peak"]
        for group in optimizer.param_groups:
            group["peak"] *= factor


def load_state(optimizer: torch.optim.Optimizer, state: dict[str, Any], changed: Collection[str]) -> None:
    """Puts a checkpoint's state into a freshly built optimizer, which keeps its own values of settings in `changed`.

    Args:
        optimizer: as `build_optimizer` gives it.
        state: its `state_dict`; holds the learning rate and the other settings that were in force when it was saved.
        changed: dotted paths of settings that were changed since.

    Raises:
        SidestepError: the state is that of another optimizer.
    """
    groups, saved = optimizer.param_groups, state["param_groups"]
    if "optimizer.name" in changed or len(groups) != len(saved):
        raise SidestepError(
            "The checkpoint holds the state of another optimizer.",
            where="optimizer.name" if "optimizer.name" in changed else "adapter.b_rate_ratio",
            fix="start a new run with `adapter.start_from` at the checkpoint",
        )
    own = {_GROUP_KEYS[path] for path in changed if path in _GROUP_KEYS}
    kept = [{key: group[key] for key in own if key in group} for group in groups]
    optimizer.load_state_dict(state)
    for group, values in zip(optimizer.param_groups, kept, strict=True):
        group.update(values)


def trains_elsewhere(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the weights that it trains on are not those that it answers with, so that both are kept."""
    from pytorch_optimizer import ScheduleFreeAdamW

    return isinstance(optimizer, ScheduleFreeAdamW)


@contextmanager
def inference_weights(optimizer: torch.optim.Optimizer, parameters: dict[str, nn.Parameter]) -> Iterator[bool]:
    """Inside the block the parameters are those to infer with; gives whether they differ from those trained on.

    Schedule-free optimizers train at a point other than the average they answer with. The trained weights come back
    bit for bit, so looking at a run does not change it.
    """
    if not trains_elsewhere(optimizer):
        yield False
        return
    kept = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    optimizer.eval()  # type: ignore[attr-defined]
    try:
        yield True
    finally:
        optimizer.train()  # type: ignore[attr-defined]
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(kept[name])


def _groups(parameters: dict[str, nn.Parameter], rate: float, adapter: AdapterBase) -> list[dict[str, Any]]:
    """The rest first, then what has a rate of its own, then what does not decay.

    Decay draws an adapter's update towards none. DoRA's magnitudes are no update but the lengths of the weights.
    """
    ratio = adapter.b_rate_ratio if isinstance(adapter, LoraSettings) else 1.0
    magnitudes = {name for name in parameters if "lora_magnitude_vector" in name}
    faster = {name for name in parameters if ratio != 1.0 and "lora_B" in name}
    groups: list[dict[str, Any]] = [
        {"params": [p for name, p in parameters.items() if name not in faster | magnitudes], "peak": rate},
        {"params": [parameters[name] for name in parameters if name in faster], "peak": rate * ratio},
        {"params": [parameters[name] for name in parameters if name in magnitudes], "peak": rate, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _adamw_8bit(
    groups: list[dict[str, Any]], settings: OptimizerSettings, device: torch.device
) -> torch.optim.Optimizer:
    if device.type != "cuda":
        raise SidestepError(
            "8-bit AdamW runs on CUDA cards only.", where="optimizer.name", fix="use adamw or adafactor here"
        )
    try:
        from bitsandbytes.optim import AdamW8bit

        _try(AdamW8bit, device)
    except torch.OutOfMemoryError:
        raise
    except (ImportError, OSError, RuntimeError) as error:
        raise SidestepError(
            f"8-bit AdamW needs a bitsandbytes that works here: {first_line(error).rstrip('.')}.",
            where="optimizer.name",
            fix="pip install --upgrade 'sidestep-tui[8bit]', or use adamw or adafactor",
        ) from error
    betas = (settings.beta1, settings.beta2)
    optimizer: torch.optim.Optimizer = AdamW8bit(
        groups, settings.peak_rate, betas, settings.epsilon, settings.weight_decay
    )
    return optimizer


def _try(optimizer: Any, device: torch.device) -> None:
    """A step of something small: bitsandbytes says only then that it was built for another CUDA."""
    parameter = nn.Parameter(torch.zeros(_SMALLEST_IN_8_BITS, device=device))
    parameter.grad = torch.ones_like(parameter)
    optimizer([parameter]).step()
