"""Writes the report of a run: the page, and its songs beside it where they are too large to be inside."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sidestep_tui.config.base import Section
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.dataset.probe import Progress
from sidestep_tui.dataset.text import safe_name
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import check_place, directory_atomic, write_text_atomic
from sidestep_tui.report import overview
from sidestep_tui.report.curves import loss_section, validation_section
from sidestep_tui.report.descriptors import Descriptors
from sidestep_tui.report.likeness import (
    DataSet,
    DescribedSong,
    data_set_of,
    describe_song,
    likeness_section,
    songs_to_describe,
)
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
_OUR_NAME: Final = re.compile(rf"\d{{3,}}-[^\s./]+({'|'.join(map(re.escape, MEDIA_TYPES))})")


@dataclass(frozen=True, slots=True)
class Report:
    """What was written: the page, the songs beside it, and how many songs can be heard in all."""

    page: Path
    songs: tuple[Path, ...]
    samples: int


def write_report(
    run: RunDirectory,
    page: Path,
    *,
    now: float,
    data_set: Path | None = None,
    embedded_bytes: int = EMBEDDED_BYTES,
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """Writes the page of a run.

    Args:
        run: any run, finished or not.
        page: the HTML file. Songs that do not fit into it go to a folder of its name with `-songs`.
        now: the time that the page says it was made at, in seconds since the epoch.
        data_set: the songs that the run learned from; empty looks for them.
        embedded_bytes: how much sound may be inside the page.
        progress: told how many songs were listened to, and of how many: samples, then songs of the data set.

    Raises:
        SidestepError: the folder is no run, the page cannot be written, the songs' folder holds other files, or the
            named data set is none.
    """
    _check_page(page)
    material = _gather(run, data_set, progress)
    heard, beside = _place(material.sounds, page, embedded_bytes)
    write_text_atomic(page, _compose(material, heard, now))
    return Report(page, beside, len(heard))


@dataclass(frozen=True, slots=True)
class _Material:
    """What the page is made of. `sounds` are the samples that are still there, by path."""

    summary: RunSummary
    settings: Section | None
    groups: tuple[Group, ...]
    sounds: dict[Path, Sound]
    data_set: DataSet | None
    songs: list[DescribedSong]


def _gather(run: RunDirectory, source: Path | None, progress: Progress) -> _Material:
    """Finds everything, then listens: to each sample, and to songs of the data set."""
    summary, settings = summarise(run), _settings(run)
    groups, data_set = find_groups(summary), data_set_of(settings, source)
    paths = list(dict.fromkeys(take.path for group in groups for take in group.takes))
    songs = songs_to_describe(data_set) if paths else []
    total = len(paths) + len(songs)
    progress(0, total)
    sounds: dict[Path, Sound] = {}
    for done, (path, sound) in enumerate(_read_sounds(paths), start=1):
        sounds |= {path: sound} if sound is not None else {}
        progress(done, total)
    described = []
    for done, song in enumerate(songs if sounds else (), start=len(paths) + 1):
        described.append(describe_song(song))
        progress(done, total)
    return _Material(summary, settings, groups, sounds, data_set, [song for song in described if song is not None])


def _place(sounds: dict[Path, Sound], page: Path, embedded_bytes: int) -> tuple[dict[Path, Heard], tuple[Path, ...]]:
    """The songs with their addresses, and their files: none where all of them are small enough to be inside the page.

    Raises:
        SidestepError: the folder beside the page cannot be written, or holds other files.
    """
    if sum(len(sound.audio) for sound in sounds.values()) <= embedded_bytes:
        return {path: Heard(sound, sound.data_uri()) for path, sound in sounds.items()}, ()
    beside = page.with_name(f"{page.stem}-songs")
    names = {path: _file_name(place, path, sound) for place, (path, sound) in enumerate(sounds.items(), 1)}
    _check_ours(beside)
    with directory_atomic(beside, replace=True) as folder:
        for path, name in names.items():
            (folder / name).write_bytes(sounds[path].audio)
    heard = {path: Heard(sound, quote(f"{beside.name}/{names[path]}")) for path, sound in sounds.items()}
    return heard, tuple(beside / name for name in names.values())


def _compose(material: _Material, heard: dict[Path, Heard], now: float) -> str:
    summary, settings, groups, songs = material.summary, material.settings, material.groups, material.songs
    missing = sum(take.path not in heard for group in groups for take in group.takes)
    tensors = settings.data.tensors if isinstance(settings, TrainSettings) else None
    name = material.data_set.name if material.data_set is not None else ""
    return render(
        summary.run.name,
        overview.header(summary, settings, name, now),
        [
            settings_section(settings),
            loss_section(summary.state),
            validation_section(summary.state),
            sensitivity_section(_sensitivity(summary, settings)),
            samples_section(groups, heard, missing, find_neighbours(groups, heard, songs)),
            comparison_section(groups, heard, f"{summary.run.path} {summary.created_at}"),
            likeness_section(_described(groups, heard), songs, name),
            novelty_section(groups, training_latents(tensors) if tensors is not None else None),
            overview.checkpoints_section(summary),
            overview.events_section(summary.state),
            overview.results_section(summary.state),
        ],
    )


def _described(groups: Sequence[Group], heard: Mapping[Path, Heard]) -> dict[str, list[tuple[str, Descriptors]]]:
    """The samples by prompt, each under its label and what else tells it from those of the same words."""
    by_prompt: defaultdict[str, list[Group]] = defaultdict(list)
    for group in groups:
        by_prompt[group.prompt].append(group)
    samples: defaultdict[str, list[tuple[str, Descriptors]]] = defaultdict(list)
    for prompt, several in by_prompt.items():
        facts = [{"seed": str(group.seed), **dict(group.conditions)} for group in several]
        shared = set.intersection(*(set(each.items()) for each in facts))
        for group, each in zip(several, facts, strict=True):
            apart = [f"{path} {value}" for path, value in each.items() if (path, value) not in shared]
            for take in group.takes:
                if take.path in heard:
                    samples[prompt].append((", ".join([take.label, *apart]), heard[take.path].sound.descriptors))
    return samples


def _check_page(page: Path) -> None:
    """Raises SidestepError where no page can be written, before the minutes that it takes to make one."""
    check_place(page)
    if page.is_dir():
        raise SidestepError("The page is a folder.", where=page, fix="name a file in it")


def _check_ours(folder: Path) -> None:
    """Raises SidestepError where a folder holds anything but what an earlier report has put there."""
    if folder.exists() and not (folder.is_dir() and all(_OUR_NAME.fullmatch(file.name) for file in folder.iterdir())):
        raise SidestepError(
            "The folder for the report's songs holds other files.", where=folder, fix="choose another --output"
        )


def _read_sounds(paths: Sequence[Path]) -> Iterator[tuple[Path, Sound | None]]:
    """Every song in turn, None for one that is gone. Encoding takes long, and runs beside itself."""
    with ThreadPoolExecutor(max_workers=min(_READERS, os.cpu_count() or 1)) as pool:
        yield from zip(paths, pool.map(_read_sound, paths), strict=True)


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
    """A name that is safe on every system, and unique."""
    return f"{place:03d}-{safe_name(path.stem)}{sound.suffix}"
