"""What a job is to read and write, looked at before a run is made of it: a run that could only fail is none."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import path_values
from sidestep_tui.config.jobs import (
    EstimateSettings,
    ExportSettings,
    ImportSettings,
    PreprocessSettings,
    VerifySettings,
)
from sidestep_tui.config.places import expanded, is_there
from sidestep_tui.errors import UsageError
from sidestep_tui.files import check_place

RESULT: Final = "output"


def check_inputs(settings: Section) -> None:
    """A mistyped path, or one where nothing can be written, is told before a run directory is made for it.

    Raises:
        UsageError: there is nothing at a path that the job reads; all of them are named, as a config file from another
            machine has several.
        SidestepError: its result cannot be written where it is to go.
    """
    named = [(setting, path) for setting, path in path_values(settings.model_dump()) if setting != RESULT]
    missing = [f"{setting}: {path}" for setting, path in named if not is_there(expanded(path))]
    if len(missing) > 1:
        raise UsageError("There is nothing at these paths.", where=", ".join(missing), fix="correct the paths")
    if missing:
        raise UsageError("There is nothing at this path.", where=missing[0], fix="correct the path")
    for setting, path in path_values(settings.model_dump()):
        if setting == RESULT:
            _check_result(settings, expanded(path))


def check_kinds(settings: Section) -> None:
    """A folder that holds something else than the job reads is told before a run directory is made for it.

    Raises:
        SidestepError: in the words that the engine would fail with.
    """
    looks = _LOOKS
    if isinstance(settings, ExportSettings):
        looks = {} if settings.from_difference else {"adapter": _look_at_trained}
    for setting, path in path_values(settings.model_dump()):
        if look := looks.get(setting):
            look(expanded(path))


def _look_at_model(path: Path) -> None:
    from sidestep_tui.acestep.layout import find_folders

    find_folders(path)


def _look_at_tensors(path: Path) -> None:
    from sidestep_tui.engine.data.manifest import read_manifest

    read_manifest(path)


def _look_at_adapter(path: Path) -> None:
    from sidestep_tui.engine.adapters.place import locate_adapter

    locate_adapter(path)


def _look_at_trained(path: Path) -> None:
    from sidestep_tui.engine.adapters.place import check_trained

    check_trained(path)


def _look_at_songs(path: Path) -> None:
    """Whether a folder holds audio; a file is a saved data set, which says itself where its songs are."""
    from sidestep_tui.dataset.scan import walk_songs

    if path.is_dir():
        walk_songs(path)


_LOOKS: Final[dict[str, Callable[[Path], None]]] = {
    "model.checkpoint": _look_at_model,
    "data.tensors": _look_at_tensors,
    "data.more_tensors": _look_at_tensors,
    "tensors": _look_at_tensors,
    "dataset": _look_at_songs,
    "adapter": _look_at_adapter,
    "adapters.path": _look_at_adapter,
    "adapter.start_from": _look_at_adapter,
    "against": _look_at_adapter,
}


def _check_result(settings: Section, place: Path) -> None:
    """A file where a folder is to be, or the reverse, would end the job when its work is done."""
    check_place(place)
    match settings:
        case PreprocessSettings() | ImportSettings() if place.is_file():
            raise UsageError("The output is a file.", where=place, fix="name a folder")
        case EstimateSettings() | VerifySettings() if place.is_dir():
            raise UsageError("The output is a folder.", where=place, fix="name a file in it")
        case ExportSettings() if place.exists():
            raise UsageError("The folder exists already.", where=place, fix="choose another name or remove it")
