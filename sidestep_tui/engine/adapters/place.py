"""Where the files of an adapter lie, told by their names: none is opened, and no torch is needed."""

from pathlib import Path
from typing import Final

from sidestep_tui.errors import SidestepError

CONFIG_FILE: Final = "adapter_config.json"
WEIGHTS_FILE: Final = "adapter_model.safetensors"
DIFFUSERS_FILE: Final = "pytorch_lora_weights.safetensors"
COMFYUI_FILE: Final = "adapter.safetensors"
LYCORIS_FILE: Final = "lokr_weights.safetensors"
_OWN_FILES: Final = (DIFFUSERS_FILE, LYCORIS_FILE, COMFYUI_FILE)
_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def check_trained(folder: Path) -> None:
    """Whether a folder is an adapter as training saves it, in PEFT's form.

    Raises:
        SidestepError: one of its two files is not there.
    """
    if not all((folder / name).is_file() for name in (CONFIG_FILE, WEIGHTS_FILE)):
        raise _no_adapter(folder, f"choose a folder with {CONFIG_FILE} and {WEIGHTS_FILE}")


def locate_adapter(path: Path) -> Path:
    """The folder of a PEFT adapter, else the one weights file.

    Args:
        path: the folder, or one of the files in it, under any name.

    Raises:
        SidestepError: there is none, several, or nothing but a pickle.
    """
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
    raise _no_adapter(path, f"choose a folder with {CONFIG_FILE}, or a .safetensors file")


def _only_pickled(folder: Path) -> bool:
    files = [file.suffix for file in folder.iterdir()]
    return ".safetensors" not in files and any(suffix in _PICKLES for suffix in files)


def _pickled(path: Path) -> SidestepError:
    return SidestepError(
        "The adapter is a pickle, which may run code when it is opened; it was not opened.",
        where=path,
        fix="ask its author for a .safetensors file",
    )


def _no_adapter(path: Path, fix: str) -> SidestepError:
    """Says that a path is no adapter; of a run's folder also where its adapters lie."""
    saved = [path / "final", path / "best", *sorted(path.glob("checkpoints/*"), reverse=True)]
    held = next((folder for folder in saved if (folder / CONFIG_FILE).is_file()), None)
    if held is not None:
        return SidestepError("This is a run, and no adapter.", where=path, fix=f"choose its adapter: {held}")
    return SidestepError("This is no adapter.", where=path, fix=fix)
