"""An existing adapter as the start of a run: ours or from elsewhere, every key accounted for, its effect unchanged."""

from dataclasses import replace
from pathlib import Path

from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from sidestep_tui.acestep.keymap import to_original
from sidestep_tui.config.adapter import AdapterBase
from sidestep_tui.engine.adapter import PREFIX, put_weights
from sidestep_tui.engine.export_read import read_exported
from sidestep_tui.errors import SidestepError


def start_from(transformer: nn.Module, settings: AdapterBase, path: Path) -> None:
    """Puts an adapter's weights into the one that was just injected.

    Where the run scales a module otherwise (another alpha, rank stabilisation, a file whose scale is folded into its
    weights), a factor is multiplied so that the first step begins with what the adapter does.

    Args:
        transformer: the DiT with the run's adapter injected.
        settings: of the run's adapter.
        path: an adapter in any form that `sidestep export` writes or ACE-Step, ComfyUI and diffusers load.

    Raises:
        SidestepError: it cannot be read, is of another family, or has other modules or ranks; one is named.
    """
    form, modules = read_exported(path)
    family = vars(settings)["family"]
    if other := sorted({module.family for module in modules.values()} - {family}):
        raise SidestepError(
            f"The adapter to start from is of the family {other[0]}, the run's of {family}.",
            where=path,
            fix=f"set adapter.family to {other[0]}, or start from nothing",
        )
    scales = _scales(transformer)
    weights: dict[str, Tensor] = {}
    for name, module in modules.items():
        own = scales.get(name, module.scale)
        fitting = module if own == module.scale else replace(module, scale=module.scale / own).unscaled()
        weights |= {f"{PREFIX}{name}.{tensor}": value for tensor, value in fitting.tensors.items()}
    try:
        put_weights(transformer, weights)
    except SidestepError as error:
        raise SidestepError(
            f"The adapter to start from ({form}) is not of this run's modules and ranks. {error.what}",
            where=path,
            fix="set adapter.rank and adapter.targets to what it was trained with, or start from nothing",
        ) from error


def _scales(transformer: nn.Module) -> dict[str, float]:
    """The factor of every injected module's update, by original name; families without one are left out."""
    return {
        to_original(name): float(scale)
        for name, layer in transformer.named_modules()
        if isinstance(layer, BaseTunerLayer)
        for scale in layer.scaling.values()
    }
