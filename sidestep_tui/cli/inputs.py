"""What a job is to read and write, looked at before a run is made of it: a run that could only fail is none."""

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
