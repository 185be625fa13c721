"""From the finished document to engines: run directories, the queue of what must go first, what is remembered."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.base import Section
from sidestep_tui.config.jobs import EstimateSettings, JobName, PreprocessSettings
from sidestep_tui.config.places import (
    data_home,
    expanded,
    free_path,
    here,
    is_folder,
    is_there,
    remembered_choices,
    runs_home,
    whole_path,
)
from sidestep_tui.config.preflight import Policies, PreflightSettings
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.config.presets.shelf import find_preset
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.dataset import DATASET_FILE
from sidestep_tui.errors import UsageError
from sidestep_tui.files import write_json_atomic
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.history import remember_run
from sidestep_tui.runs.launch import launch
from sidestep_tui.runs.queue import start_queue
from sidestep_tui.texts import _
from sidestep_tui.tui.wizard.document import WizardDocument

_REMEMBERED: Final = {"model.checkpoint": is_folder, "data.tensors": is_there}
"""What is kept for the next time, and how it is seen that it is still there: songs may be a data set's JSON file."""


@dataclass(frozen=True, slots=True)
class StartPlan:
    """What a start does: perhaps encode songs, perhaps measure which modules they move, then train."""

    train: TrainSettings
    output: Path
    preprocess: PreprocessSettings | None = None
    estimate: EstimateSettings | None = None

    @property
    def jobs(self) -> tuple[tuple[JobName, Section], ...]:
        """The runs in order, each with its settings; training is the last."""
        before: tuple[tuple[JobName, Section | None], ...] = (
            ("preprocess", self.preprocess),
            ("estimate", self.estimate),
        )
        return (*((job, settings) for job, settings in before if settings is not None), ("train", self.train))


def starting_document(
    preset: Preset | str | None = None, config: Path | None = None, values: Mapping[str, Any] | None = None
) -> WizardDocument:
    """What the wizard opens with.

    Args:
        preset: a preset, or its name.
        config: a config file, for instance that of a run that is repeated with changes. Without one, the model and the
            songs of the last time are taken.
        values: edits to begin with, by dotted path.

    Raises:
        SidestepError: preset or config file cannot be used.
    """
    document = WizardDocument()
    if preset is not None:
        document = document.with_preset(find_preset(preset, here()) if isinstance(preset, str) else preset)
    document = document.set_all(remembered()) if config is None else document.with_file(config)
    return document.set_all(values or {})


def plan_start(document: dict[str, Any], name: str, songs: Path | None, *, measure_first: bool = False) -> StartPlan:
    """The runs that a document needs.

    Args:
        document: valid train settings.
        name: the run's name, or a path.
        songs: the folder of audio files, where the songs are not encoded yet; their tensors are kept beside the runs.
        measure_first: whether an estimate chooses the modules and their ranks.

    Raises:
        UsageError: the name is empty or taken.
    """
    output = new_run_path(name)
    train = TrainSettings.model_validate(document)
    preprocess = estimate = None
    if songs is not None:
        tensors = tensors_for(songs)
        preprocess = PreprocessSettings(model=train.model, dataset=songs, output=tensors)
        train = train.model_copy(update={"data": train.data.model_copy(update={"tensors": tensors})})
    if measure_first:
        estimate = estimate_for(train)
        adapter = train.adapter.model_copy(update={"targets_from": estimate.output})
        train = train.model_copy(update={"adapter": adapter})
    return StartPlan(train, output, preprocess, estimate)


def estimate_for(train: TrainSettings) -> EstimateSettings:
    """The estimate whose proposal spends as many parameters as the adapter's rank on every module would."""
    tensors = train.data.tensors
    ranks = {"rank": train.adapter.rank} if isinstance(train.adapter, LoraSettings) else {}
    return EstimateSettings(model=train.model, tensors=tensors, output=tensors / "sensitivity.json", **ranks)


def start(plan: StartPlan) -> RunDirectory:
    """Starts the engines and gives the run to look at first.

    Raises:
        SidestepError: a run directory cannot be made, or the engine did not start.
    """
    runs = _make(plan)
    if len(runs) == 1:
        launch(runs[0])
    else:
        start_queue(runs)
    return runs[0]


def keep(plan: StartPlan) -> RunDirectory:
    """Makes the runs and starts none of them; gives the first.

    Raises:
        SidestepError: a run directory cannot be made.
    """
    runs = _make(plan)
    for run in runs:
        remember_run(run.path)
    return runs[0]


def _make(plan: StartPlan) -> list[RunDirectory]:
    return [create_run(_place(plan.output, job), job, settings) for job, settings in plan.jobs]


def start_preflight(plan: StartPlan, policies: Policies = "chosen") -> RunDirectory:
    """Starts to measure the training run of a plan whose songs are encoded, and gives the run that measures.

    Args:
        plan: what would be started.
        policies: whether other settings of memory are tried too.

    Raises:
        SidestepError: the run directory cannot be made, or the engine did not start.
    """
    document = plan.train.model_dump()
    if plan.estimate is not None:  # its ranking is yet to be made, and its ranks come to as many weights
        document["adapter"]["targets_from"] = None
    settings = PreflightSettings.model_validate({**document, "preflight": {"policies": policies}})
    run = create_run(_place(plan.output, "preflight"), "preflight", settings)
    launch(run)
    return run


def _place(output: Path, job: JobName) -> Path:
    """Where a run of the chain lies: training at the chosen place, the others beside it."""
    return output if job == "train" else free_path(output.with_name(f"{output.name}-{job}"))


def run_path(name: str) -> Path:
    """Where a run of this name lies: a bare name among the usual runs, a path as it is.

    Raises:
        SidestepError: the name is empty, or no path.
    """
    if not name.strip():
        raise UsageError(_("The run needs a name."), fix=_("type one"))
    path = Path(name.strip())
    return whole_path(path) if len(path.parts) > 1 or name.strip() == "~" else runs_home() / path


def new_run_path(name: str) -> Path:
    """`run_path` of a run that is not there yet.

    Raises:
        SidestepError: the name is empty or taken, or no path.
    """
    path = run_path(name)
    if is_there(path):
        raise UsageError(_("There is a run with this name already."), where=path, fix=_("choose another name"))
    return path


def tensors_for(songs: Path) -> Path:
    """Where the tensors of a folder of songs are kept when nobody says otherwise.

    A digest of the songs' place keeps folders of one name apart: many are called `dataset`, and encoding one removes
    from its tensors the songs that it does not have. A folder and the data set saved in it share their tensors.
    """
    digest = hashlib.sha256(os.fsencode(_place_of(songs))).hexdigest()[:6]
    return data_home() / "tensors" / digest / songs_name(songs)


def songs_name(songs: Path) -> str:
    """What runs and tensors of these songs are called: after their folder, or after the file unless that says nothing.

    `album/` and `album/dataset.json` give `album`, `lists/best.json` gives `best`.
    """
    place = _place_of(songs)
    return _slug(place.stem if place.suffix == ".json" else place.name)


def _place_of(songs: Path) -> Path:
    """The folder of songs, or the file where it is more than the data set saved in its folder."""
    place = expanded(songs).absolute()
    return place.parent if place.name == DATASET_FILE else place


def suggest_name(source: Path | None, family: str) -> str:
    """A free name for a run, from its songs and its adapter: `my-album-lora`, `my-album-lora-2`."""
    stem = f"{songs_name(source) if source else 'run'}-{family}"
    return free_path(runs_home() / stem).name


def remember(choices: dict[str, str]) -> None:
    """Keeps the last model and songs for the next time."""
    write_json_atomic(remembered_choices(), {key: choices[key] for key in _REMEMBERED if key in choices})


def remember_model(path: Path) -> None:
    """Keeps the model for the next time, before anything is started with it."""
    remember({**remembered(), "model.checkpoint": str(path)})


def remembered() -> dict[str, str]:
    """The model and songs of the last time, as far as they are still there."""
    try:
        document = json.loads(remembered_choices().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(document, dict):
        return {}
    held = {key: value for key in _REMEMBERED if isinstance(value := document.get(key), str)}
    return {key: value for key, value in held.items() if _REMEMBERED[key](Path(value))}


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-.") or "songs"
