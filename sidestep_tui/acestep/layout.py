"""Finds the model in a folder: the original layout, the diffusers layout, or a folder of models (no torch here)."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sidestep_tui.acestep.model_config import read_json
from sidestep_tui.errors import SidestepError

TEXT_ENCODER_FOLDER = "Qwen3-Embedding-0.6B"
_INDEX = "model_index.json"


class Layout(StrEnum):
    """How a checkpoint lies on disk."""

    ORIGINAL = "original"
    DIFFUSERS = "diffusers"


@dataclass(frozen=True)
class Folders:
    """Where the parts of a checkpoint lie. In the original layout VAE and text encoder are siblings of the model."""

    layout: Layout
    root: Path

    def part(self, name: str) -> Path:
        """The folder of one part, by its diffusers name.

        Raises:
            SidestepError: the checkpoint lacks that part.
        """
        folder = self._location(name)
        if folder.is_dir():
            return folder
        raise SidestepError(
            f"The model's {name.replace('_', ' ')} is missing.",
            where=folder,
            fix=f"put the folder {folder.name} there, or download the model again",
        )

    def _location(self, name: str) -> Path:
        if self.layout is Layout.DIFFUSERS:
            return self.root / name
        if name == "vae":
            return self.root.parent / "vae"
        if name in ("text_encoder", "tokenizer"):
            return self.root.parent / TEXT_ENCODER_FOLDER
        return self.root


def find_folders(path: Path) -> Folders:
    """The checkpoint at `path`, or the only one inside it.

    Raises:
        SidestepError: there is no such folder, no model in it, or several.
    """
    if not path.is_dir():
        raise SidestepError(
            "There is no such model folder.", where=path, fix="check the path, or: sidestep models list"
        )
    layout = _layout(path)
    if layout is not None:
        return Folders(layout, path.resolve())
    inside = {child: layout for child in sorted(path.iterdir()) if child.is_dir() and (layout := _layout(child))}
    if len(inside) == 1:
        (child, layout), *_ = inside.items()
        return Folders(layout, child.resolve())
    if inside:
        names = ", ".join(child.name for child in inside)
        raise SidestepError(f"The folder holds several models: {names}.", where=path, fix="name one of them")
    raise SidestepError(
        "The folder holds no ACE-Step 1.5 model.",
        where=path,
        fix="choose a folder such as checkpoints/acestep-v15-turbo; `sidestep models list FOLDER` looks for more",
    )


def _layout(folder: Path) -> Layout | None:
    if (folder / _INDEX).is_file():
        index = read_json(folder / _INDEX)
        is_acestep = "transformer" in index and "condition_encoder" in index
        return Layout.DIFFUSERS if is_acestep else None
    if (folder / "config.json").is_file():
        config = read_json(folder / "config.json")
        is_acestep = config.get("model_type") == "acestep" or "timbre_hidden_dim" in config
        return Layout.ORIGINAL if is_acestep else None
    return None
