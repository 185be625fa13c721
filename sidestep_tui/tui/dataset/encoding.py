"""Encoding runs of a data set: what such a run reads, where its tensors go, and what is remembered. No Textual here."""

from pathlib import Path
from typing import Final

from sidestep_tui.config.jobs import PreprocessSettings
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.places import free_path, runs_home
from sidestep_tui.dataset.song import Dataset
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.tui.wizard.start import remember, songs_name

MODEL: Final = "model.checkpoint"
SONGS: Final = "data.tensors"


def prepare(dataset: Dataset, model: Path, output: Path) -> PreprocessSettings:
    """The settings of a run that encodes all songs of a data set as it is saved.

    Args:
        dataset: read from a folder or a file.
        model: a model folder.
        output: where the tensors go; the songs that are there and have not changed are not encoded again.
    """
    return PreprocessSettings(
        model=ModelSettings(checkpoint=model.absolute()), dataset=dataset.place.absolute(), output=output.absolute()
    )


def make_run(settings: PreprocessSettings) -> RunDirectory:
    """A new run among the user's own, called after the songs; model and tensors are what the next wizard begins with.

    Raises:
        SidestepError: it cannot be written.
    """
    run = create_run(free_path(runs_home() / f"{songs_name(settings.dataset)}-preprocess"), "preprocess", settings)
    remember({MODEL: str(settings.model.checkpoint), SONGS: str(settings.output)})
    return run
