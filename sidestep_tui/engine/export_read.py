"""Any exported adapter read back as its consumer reads it, with every key of the file accounted for."""

from pathlib import Path
from typing import Final

from safetensors import SafetensorError

from sidestep_tui.config.jobs import ExportFormat
from sidestep_tui.engine.adapter import CONFIG_FILE
from sidestep_tui.engine.export_formats import COMFYUI_FILE, DIFFUSERS_FILE, FORMATS
from sidestep_tui.engine.export_lycoris import LYCORIS_FILE
from sidestep_tui.engine.export_modules import ModuleAdapter
from sidestep_tui.errors import SidestepError

_FILES: Final[dict[str, ExportFormat]] = {
    CONFIG_FILE: "peft",
    DIFFUSERS_FILE: "diffusers",
    LYCORIS_FILE: "lycoris",
    COMFYUI_FILE: "comfyui",
}


def read_exported(path: Path) -> tuple[ExportFormat, dict[str, ModuleAdapter]]:
    """The form of an adapter and its modules by original name, scaled as the consumer scales them.

    Args:
        path: the folder, or one of the files in it.

    Raises:
        SidestepError: it is no adapter, damaged, or has keys that its consumer would ignore.
    """
    folder = path if path.is_dir() else path.parent
    names = [path.name] if path.is_file() else list(_FILES)
    for name in names:
        if name in _FILES and (folder / name).is_file():
            form = _FILES[name]
            try:
                return form, FORMATS[form].read(folder)
            except (SafetensorError, OSError, KeyError) as error:
                raise SidestepError(
                    f"The adapter cannot be read as {form}: {error}.", where=folder / name, fix="export it again"
                ) from error
    raise SidestepError(
        "This is no adapter that Side-Step knows.", where=path, fix=f"choose a folder with one of: {', '.join(_FILES)}"
    )
