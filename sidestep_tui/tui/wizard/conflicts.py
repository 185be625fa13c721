"""Values that are valid by themselves and that this disk, or the chosen model, cannot honour."""

from typing import Final

from sidestep_tui.config.dit_shape import DitShape, absent_target
from sidestep_tui.config.fields import SettingField
from sidestep_tui.config.libraries import has_bitsandbytes
from sidestep_tui.config.places import expanded, is_there
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.texts import _
from sidestep_tui.tui.wizard.document import WizardDocument

_LOOKED_INTO: Final = ("model.checkpoint", "data.tensors")
_LISTS_OF_FILES: Final = ("data.more_tensors",)


def absent_files(document: WizardDocument) -> dict[str, str]:
    """Files and folders that are named and not there, by setting; model and songs are looked into elsewhere."""
    return {
        setting.path: _("there is nothing at {path}").format(path=missing[0])
        for setting in document.applicable
        if (missing := [path for path in _files(document, setting) if not is_there(expanded(path))])
    }


def _files(document: WizardDocument, setting: SettingField) -> list[str]:
    value = document.value(setting)
    if setting.path in _LOOKED_INTO or not value:
        return []
    if setting.path in _LISTS_OF_FILES:
        return [str(path) for path in value]
    return [str(value)] if setting.kind == "path" else []


def absent_means(settings: TrainSettings, *, card: bool) -> dict[str, str]:
    """Optimizers and weights that need a card, or a library that is not installed, by setting.

    Args:
        settings: of the run.
        card: whether the run would have a CUDA card.
    """
    wanted = {
        "optimizer.name": settings.optimizer.name == "adamw8bit",
        "memory.weights": settings.memory.weights == "nf4",
    }
    found: dict[str, str] = {}
    if any(wanted.values()) and not has_bitsandbytes():
        message = _('needs bitsandbytes, which is not installed: pip install "sidestep-tui[8bit]"')
        found = {path: message for path, is_wanted in wanted.items() if is_wanted}
    if wanted["optimizer.name"] and not card:
        found["optimizer.name"] = _("8-bit AdamW runs on CUDA cards only")
    return found


def absent_targets(settings: TrainSettings, shape: DitShape) -> dict[str, str]:
    """A layer or module that the model does not have, or that none is targeted, by setting."""
    adapter = settings.adapter
    absent = None if adapter.targets_from is not None else absent_target(shape, adapter.targets)
    if absent is None:
        return {}
    name, what = absent
    if not what:
        message = _("no module is targeted: choose an attention, the MLP or a list of modules")
    elif name == "layers":
        message = _("the model has {count} layers, counted from 0: there is no {layer}").format(
            count=shape.layers, layer=what
        )
    else:
        message = _("the model has no module {name}; they are called like layers.3.self_attn.q_proj").format(name=what)
    return {f"adapter.targets.{name}": message}
