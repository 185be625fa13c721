"""The checkpoints of a run by their folders alone: what is in them only its engine reads."""

from pathlib import Path
from typing import Final

from sidestep_tui.runs.directory import RunDirectory

_PREFIX: Final = "step-"


def checkpoint_folder(run: RunDirectory, step: int) -> Path:
    """Where the checkpoint after an optimizer step lies: `checkpoints/step-00001200`."""
    return run.checkpoints / f"{_PREFIX}{step:08d}"


def list_checkpoints(run: RunDirectory) -> dict[int, Path]:
    """The folders by optimizer step, oldest first; unfinished and damaged ones have other names and do not appear."""
    folders = ((folder.name.removeprefix(_PREFIX), folder) for folder in run.checkpoints.glob(f"{_PREFIX}*"))
    return dict(sorted((int(step), folder) for step, folder in folders if step.isdigit()))
