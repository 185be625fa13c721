"""Which songs were generated with the adapters of a run, found in its own events and in every generate run.

Songs that differ in nothing but the adapter are one group: they are what is worth hearing side by side.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from sidestep_tui.config.fields import leaves, remove
from sidestep_tui.config.generate import GenerateSettings, WeightedAdapter
from sidestep_tui.errors import SidestepError
from sidestep_tui.report.settings import differing
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import SampleWritten
from sidestep_tui.runs.history import RunSummary, run_folders
from sidestep_tui.runs.log import read_events

_NOT_THE_SONG: Final = (
    "adapter", "adapter_scale", "adapters", "format", "output", "prompt", "prompts", "seed", "model.device",
    "model.precision",
)  # fmt: skip
_STEP: Final = re.compile(r"step-(\d+)")
_LAST: Final = 2**62

Conditions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Take:
    """One generated song. `step` is that of its adapter, None where it is not known; `label` names the adapter.

    `latents` is the file with what was decoded, None for songs of older versions.
    """

    path: Path
    label: str
    step: int | None
    is_base: bool
    latents: Path | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Songs of one prompt and seed, the base model's first, then by step. `conditions` differ from the defaults."""

    prompt: str
    seed: int
    conditions: Conditions
    takes: tuple[Take, ...]


@dataclass(frozen=True, slots=True)
class _Origin:
    """What tells groups apart: everything about a song but its adapter."""

    prompt: str
    seed: int
    settings: str
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class _Found:
    """A song that some run wrote at some time: with an adapter of ours, by the base model, or with another adapter."""

    time: float
    origin: _Origin
    take: Take
    maker: Literal["ours", "base", "other"]


def find_groups(summary: RunSummary) -> tuple[Group, ...]:
    """The songs made with the run's adapters, and the base model's songs that belong beside them."""
    found = sorted((*_of_the_run(summary), *_of_generate_runs(summary)), key=lambda one: one.time)
    newest = {one.take.path: one for one in found}  # a file that was written twice holds the later song
    ours = {one.origin for one in newest.values() if one.maker == "ours"}
    takes: defaultdict[_Origin, list[Take]] = defaultdict(list)
    for one in newest.values():
        if one.origin in ours and one.maker != "other":
            takes[one.origin].append(one.take)
    return tuple(
        Group(o.prompt, o.seed, o.conditions, tuple(sorted(several, key=_order))) for o, several in takes.items()
    )


def _of_the_run(summary: RunSummary) -> Iterator[_Found]:
    """What the run itself says it has written: samples of a training run, or the song of a generate run."""
    settings = _generate_settings(summary.run) if summary.job == "generate" else None
    for sample in summary.state.samples:
        if settings is not None:
            is_base = _is_base(settings)
            label = "base model" if is_base else " + ".join(_of_files(settings.all_adapters()))
        else:
            is_base = sample.step == 0 or sample.adapter_scale == 0
            name = "unknown step" if sample.step is None else f"step {sample.step}"
            label = "base model" if is_base else _scaled(name, sample.adapter_scale)
        take = Take(summary.run.path / sample.path, label, sample.step, is_base, _latents(summary.run, sample))
        yield _Found(sample.time, _origin(sample, settings), take, "ours")


def _of_generate_runs(summary: RunSummary) -> Iterator[_Found]:
    """What every other generate run of this machine has written."""
    for run, settings in _generate_runs(summary.run):
        for sample in _samples(run):
            path, origin = run.path / sample.path, _origin(sample, settings)
            label = _label(summary, settings, sample.time)
            if _is_base(settings):
                yield _Found(sample.time, origin, Take(path, "base model", 0, True, _latents(run, sample)), "base")
            elif label is not None:
                take = Take(path, label[0], label[1], False, _latents(run, sample))
                yield _Found(sample.time, origin, take, "ours")
            else:
                yield _Found(sample.time, origin, Take(path, "", None, False), "other")


def _generate_runs(besides: RunDirectory) -> Iterator[tuple[RunDirectory, GenerateSettings]]:
    for folder in run_folders():
        run = RunDirectory(folder)
        settings = _generate_settings(run) if run != besides else None
        if settings is not None:
            yield run, settings


def _generate_settings(run: RunDirectory) -> GenerateSettings | None:
    try:
        settings = run.settings() if run.job() == "generate" else None
    except (SidestepError, OSError):  # a stray folder, or settings of another version
        return None
    return settings if isinstance(settings, GenerateSettings) else None


def _samples(run: RunDirectory) -> Iterator[SampleWritten]:
    return (event for event in read_events(run.events_file) if isinstance(event, SampleWritten))


def _origin(sample: SampleWritten, settings: GenerateSettings | None) -> _Origin:
    """Songs of a training run carry no settings of their own; what they share is the run, and of each song its name."""
    if settings is None:
        file = Path(sample.path)
        song = (("song", file.stem),) if _STEP.fullmatch(file.parent.name) else ()
        return _Origin(sample.prompt, sample.seed, "", song)
    settings = settings.model_copy(update=sample.settings)
    document: dict[str, Any] = settings.model_dump(mode="json")
    for path in _NOT_THE_SONG:
        document = remove(document, path)
    told = {path for path, _ in leaves(document)} - {"model.checkpoint"}  # the head of the page says which model
    shown = tuple((path, value) for path, value, _ in differing(settings) if path in told)
    return _Origin(sample.prompt, sample.seed, json.dumps(document, sort_keys=True), shown)


def _label(summary: RunSummary, settings: GenerateSettings, time: float) -> tuple[str, int | None] | None:
    """What the adapters of a generate run were at a time, and the step of ours; None where none is of this run."""
    adapters = settings.all_adapters()
    ours = next((one for one in adapters if one.path.is_relative_to(summary.run.path)), None)
    if ours is None:
        return None
    name, step = _checkpoint(summary, ours.path.relative_to(summary.run.path).parts, time)
    others = _of_files(one for one in adapters if one is not ours)
    return " + ".join([_scaled(name, ours.scale), *others]), step


def _checkpoint(summary: RunSummary, parts: tuple[str, ...], time: float) -> tuple[str, int | None]:
    """The name of an adapter in the run's folder, and its step where it is known."""
    if len(parts) > 1 and parts[0] == "checkpoints" and (found := _STEP.fullmatch(parts[1])):
        return f"step {int(found[1])}", int(found[1])
    name = parts[0] if parts else summary.run.name
    folder = name.removesuffix("-ema")
    # `best` is written anew with every new best: what counts is the one that was there when the song was made.
    steps = [saved.step for saved in summary.state.checkpoints if saved.path == folder and saved.time <= time]
    return (f"{name} (step {steps[-1]})", steps[-1]) if steps else (name, None)


def _latents(run: RunDirectory, sample: SampleWritten) -> Path | None:
    return None if sample.latents is None else run.path / sample.latents


def _is_base(settings: GenerateSettings) -> bool:
    return all(one.scale == 0 for one in settings.all_adapters())


def _of_files(adapters: Iterable[WeightedAdapter]) -> Iterator[str]:
    return (_scaled("/".join(one.path.parts[-2:]), one.scale) for one in adapters)


def _scaled(label: str, scale: float | None) -> str:
    return label if scale in (None, 1.0) else f"{label} × {scale:g}"


def _order(take: Take) -> tuple[bool, int, str]:
    return not take.is_base, _LAST if take.step is None else take.step, take.label
