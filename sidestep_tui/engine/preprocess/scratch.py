"""What the first passes give, kept on disk until all songs are whole: an interrupted run does not do it again."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from sidestep_tui.engine.tensor_files import write_tensors
from sidestep_tui.errors import SidestepError

Kind = Literal["latents", "texts"]
_FOLDER: Final = ".unfinished"


class Scratch:
    """Tensors by song and source inside a tensor folder. What another source made is not found."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _FOLDER

    def put(self, kind: Kind, source: str, tensors: Mapping[str, Tensor], duration: float = 0.0) -> None:
        """Keeps tensors, whole or not at all.

        Raises:
            SidestepError: they cannot be written.
        """
        write_tensors(self._path(kind, source), tensors, {"duration": repr(duration)})

    def duration(self, kind: Kind, source: str) -> float | None:
        """The duration kept with tensors; None when there are none for this source."""
        try:
            with safe_open(self._path(kind, source), "pt") as stored:
                return float(stored.metadata()["duration"])
        except (OSError, SafetensorError):
            return None

    def get(self, kind: Kind, source: str) -> dict[str, Tensor]:
        """Tensors that `duration` has said to be there.

        Raises:
            SidestepError: somebody removed them.
        """
        path = self._path(kind, source)
        try:
            return load_file(path)
        except (OSError, SafetensorError) as error:
            raise SidestepError(
                f"Unfinished tensors cannot be read: {error}.", where=path, fix="start the run again"
            ) from error

    def clear(self) -> None:
        """Removes everything; for when all songs are whole."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, kind: Kind, source: str) -> Path:
        return self._folder / f"{kind}-{hashlib.sha256(source.encode()).hexdigest()[:24]}.safetensors"
