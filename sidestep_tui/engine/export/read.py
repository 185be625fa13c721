"""Any adapter file read as its consumer reads it, told by its keys, with every key accounted for."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from sidestep_tui.config.jobs import ExportFormat
from sidestep_tui.engine.adapters.place import locate_adapter
from sidestep_tui.engine.export.formats import FORMATS
from sidestep_tui.engine.export.modules import ModuleAdapter, refuse_unusable
from sidestep_tui.errors import SidestepError


def read_exported(path: Path) -> tuple[ExportFormat, dict[str, ModuleAdapter]]:
    """The form of an adapter and its modules by original name, scaled as the consumer scales them.

    Args:
        path: the folder, or one of the files in it, under any name.

    Raises:
        SidestepError: it is no adapter, a pickle, damaged, holds keys that its consumer would ignore, a module of
            rank 0, or something that is not a number.
    """
    place = locate_adapter(path)
    try:
        form: ExportFormat = "peft" if place.is_dir() else _form(place)
        modules = FORMATS[form].read(place)
    except (SafetensorError, OSError, LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise SidestepError(
            f"The adapter cannot be read: {error}.", where=place, fix="take another copy, or export it again"
        ) from error
    if not modules:
        raise SidestepError("The adapter is empty.", where=place, fix="take another copy")
    refuse_unusable(modules, place)
    return form, modules


def _form(file: Path) -> ExportFormat:
    with safe_open(file, "pt") as stored:
        keys = list(stored.keys())
    if any(key.startswith("transformer.") for key in keys):
        return "diffusers"
    if any(".lokr_w" in key or ".hada_w" in key for key in keys):
        return "lycoris"
    if any(".lora_" in key for key in keys):
        return "comfyui"
    example = f", for instance {min(keys)}" if keys else ""
    raise SidestepError(
        f"The file holds no adapter for ACE-Step 1.5: {len(keys)} tensors{example}.",
        where=file,
        fix="choose an adapter; a whole model is given with --model",
    )
