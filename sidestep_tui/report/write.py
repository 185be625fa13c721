"""Writes the report of a run: the page, and its songs beside it where they are too large to be inside."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sidestep_tui.config.base import Section
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import directory_atomic, write_text_atomic
from sidestep_tui.report import overview
from sidestep_tui.report.curves import loss_section, validation_section
from sidestep_tui.report.descriptors import Descriptors
from sidestep_tui.report.likeness import data_set_of, describe_songs, likeness_section
from sidestep_tui.report.listening import Heard, comparison_section, samples_section
from sidestep_tui.report.neighbours import find_neighbours
from sidestep_tui.report.novelty import novelty_section, training_latents
from sidestep_tui.report.page import render
from sidestep_tui.report.samples import Group, find_groups
from sidestep_tui.report.sensitivity import Measured, read_sensitivity, sensitivity_section
from sidestep_tui.report.settings import settings_section
from sidestep_tui.report.sound import MEDIA_TYPES, Sound, read_sound
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary, summarise

EMBEDDED_BYTES: Final = 24 * 2**20
"""Songs of up to so much in all are inside the page; more lie in a folder beside it."""

_READERS: Final = 4
_OUR_NAME: Final = re.compile(rf"\d{{3,}}-[A-Za-z0-9-]+({'|'.join(map(re.escape, MEDIA_TYPES))})")


@dataclass(frozen=True, slots=True)
class Report:
    """What was written: the page, the songs beside it, and how many songs can be heard in all."""

    page: Path
    songs: tuple[Path, ...]
    samples: int


def write_report(
    run: RunDirectory, page: Path, *, now: float, data_set: Path | None = None, embedded_bytes: int = EMBEDDED_BYTES
) -> Report:
    """Writes the page of a run.

    Args:
        run: any run, finished or not.
        page: the HTML file. Songs that do not fit into it go to a folder of its name with `-songs`.
        now: the time that the page says it was made at, in seconds since the epoch.
        data_set: the songs that the run learned from; empty looks for them.
        embedded_bytes: how much sound may be inside the page.

    Raises:
        SidestepError: the folder is no run, the page cannot be written, the songs' folder holds other files, or the
            named data set is none.
    """
    summary = summarise(run)
    groups = find_groups(summary)
    sounds = _read_sounds(groups)
    beside = page.with_name(f"{page.stem}-songs")
    is_inside = sum(len(sound.audio) for sound in sounds.values()) <= embedded_bytes
    names = {} if is_inside else {path: _file_name(place, path, s) for place, (path, s) in enumerate(sounds.items(), 1)}
    if names:
        _check_ours(beside)
        with directory_atomic(beside, replace=True) as folder:
            for path, name in names.items():
                (folder / name).write_bytes(sounds[path].audio)
    heard = {
        path: Heard(sound, sound.data_uri() if is_inside else f"{quote(beside.name)}/{names[path]}")
        for path, sound in sounds.items()
    }
    write_text_atomic(page, _compose(summary, groups, heard, data_set, now))
    return Report(page, tuple(beside / name for name in names.values()), len(heard))


def _compose(
    summary: RunSummary, groups: Sequence[Group], heard: dict[Path, Heard], source: Path | None, now: float
) -> str:
    settings, state = _settings(summary.run), summary.state
    data_set = data_set_of(settings, source)
    samples: dict[str, list[tuple[str, Descriptors]]] = {}
    for group in groups:
        described = [(t.label, heard[t.path].sound.descriptors) for t in group.takes if t.path in heard]
        if described:
            samples.setdefault(group.prompt, []).extend(described)
    missing = sum(take.path not in heard for group in groups for take in group.takes)
    songs = describe_songs(data_set) if heard else []
    tensors = settings.data.tensors if isinstance(settings, TrainSettings) else None
    name = data_set.name if data_set is not None else ""
    return render(
        summary.run.name,
        overview.header(summary, settings, name, now),
        [
            settings_section(settings),
            loss_section(state),
            validation_section(state),
            sensitivity_section(_sensitivity(summary, settings)),
            samples_section(groups, heard, missing, find_neighbours(groups, heard, songs)),
            comparison_section(groups, heard, f"{summary.run.path} {summary.created_at}"),
            likeness_section(samples, songs, name),
            novelty_section(groups, training_latents(tensors) if tensors is not None else None),
            overview.checkpoints_section(summary),
            overview.events_section(state),
            overview.results_section(state),
        ],
    )


def _check_ours(folder: Path) -> None:
    """Raises SidestepError where a folder holds anything but what an earlier report has put there."""
    if folder.exists() and not (folder.is_dir() and all(_OUR_NAME.fullmatch(file.name) for file in folder.iterdir())):
        raise SidestepError(
            "The folder for the report's songs holds other files.", where=folder, fix="choose another --output"
        )


def _read_sounds(groups: Sequence[Group]) -> dict[Path, Sound]:
    """Every song that is still there, by path. Encoding is most of the time of a report, and runs beside itself."""
    paths = list(dict.fromkeys(take.path for group in groups for take in group.takes))
    with ThreadPoolExecutor(max_workers=min(_READERS, os.cpu_count() or 1)) as pool:
        sounds = pool.map(_read_sound, paths)
        return {path: sound for path, sound in zip(paths, sounds, strict=True) if sound is not None}


def _read_sound(path: Path) -> Sound | None:
    """None for a song that was overwritten or removed since; the page counts it."""
    try:
        return read_sound(path)
    except SidestepError:
        return None


def _sensitivity(summary: RunSummary, settings: Section | None) -> Measured | None:
    """What the run itself measured, or the file that its targets were taken from."""
    if summary.state.sensitivity is not None:
        update = summary.state.sensitivity
        source = f"measured on {update.batches_done} of {update.batches_total} batches"
        return Measured(update.modules, {}, source)
    if isinstance(settings, TrainSettings) and settings.adapter.targets_from is not None:
        return read_sensitivity(settings.adapter.targets_from)
    return None


def _settings(run: RunDirectory) -> Section | None:
    """The run's settings; None for a run of another version, of which everything else can still be told."""
    try:
        return run.settings()
    except SidestepError:
        return None


def _file_name(place: int, path: Path, sound: Sound) -> str:
    """A name that is safe in addresses and on every system, and unique."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", path.stem)[:40].strip("-") or "song"
    return f"{place:03d}-{stem}{sound.suffix}"
