"""Any adapter file read as its consumer reads it, told by its keys, with every key accounted for."""

from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open

from sidestep_tui.config.jobs import ExportFormat
from sidestep_tui.engine.adapters.adapter import CONFIG_FILE, WEIGHTS_FILE, no_adapter
from sidestep_tui.engine.export.formats import COMFYUI_FILE, DIFFUSERS_FILE, FORMATS
from sidestep_tui.engine.export.lycoris import LYCORIS_FILE
from sidestep_tui.engine.export.modules import ModuleAdapter, refuse_unusable
from sidestep_tui.errors import SidestepError

_OWN_FILES: Final = (DIFFUSERS_FILE, LYCORIS_FILE, COMFYUI_FILE)
_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def read_exported(path: Path) -> tuple[ExportFormat, dict[str, ModuleAdapter]]:
    """The form of an adapter and its modules by original name, scaled as the consumer scales them.

    Args:
        path: the folder, or one of the files in it, under any name.

    Raises:
        SidestepError: it is no adapter, a pickle, damaged, holds keys that its consumer would ignore, a module of
            rank 0, or something that is not a number.
    """
    place = _locate(path)
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


def _locate(path: Path) -> Path:
    """The folder of a PEFT adapter, else the one weights file."""
    if path.name in (CONFIG_FILE, WEIGHTS_FILE) and (path.parent / CONFIG_FILE).is_file():
        return path.parent
    if path.is_dir():
        if (path / CONFIG_FILE).is_file() and not _only_pickled(path):
            return path
        names = [file for name in _OWN_FILES if (file := path / name).is_file()]
        files = names[:1] or sorted(path.glob("*.safetensors"))
        if len(files) > 1:
            raise SidestepError("The folder holds several weights files.", where=path, fix="name one of them")
        if not files and _only_pickled(path):
            raise _pickled(path)
        if files:
            return files[0]
    elif path.suffix in _PICKLES:
        raise _pickled(path)
    elif path.is_file():
        return path
    raise no_adapter(path, f"choose a folder with {CONFIG_FILE}, or a .safetensors file")


def _only_pickled(folder: Path) -> bool:
    files = [file.suffix for file in folder.iterdir()]
    return ".safetensors" not in files and any(suffix in _PICKLES for suffix in files)


def _pickled(path: Path) -> SidestepError:
    return SidestepError(
        "The adapter is a pickle, which may run code when it is opened; it was not opened.",
        where=path,
        fix="ask its author for a .safetensors file",
    )


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
