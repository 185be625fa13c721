"""What a run has come to, as people read it: the name and the value of each result, in their language. Pure.

The engine tells results by the names of a programming language (`best_validation_loss`, `peak_bytes`), which files and
`--json` keep; here they become words, and bytes, durations and shares get their units.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sidestep_tui.texts import _
from sidestep_tui.tui.figures import duration, number, share, size
from sidestep_tui.tui.text import clean
from sidestep_tui.tui.words import word

_NAMES: Final = {
    # training
    "adapter": _("adapter"),
    "steps": _("steps"),
    "validation_loss": _("validation loss"),
    "best_validation_loss": _("best validation loss"),
    "best_step": _("best step"),
    # encoding and labelling
    "songs": _("songs"),
    "encoded": _("encoded"),
    "labelled": _("labelled"),
    "failed": _("failed"),
    "audio_seconds": _("audio"),
    "realtime_factor": _("times real time"),
    "requests": _("requests"),
    "input_tokens": _("tokens sent"),
    "output_tokens": _("tokens received"),
    # sensitivity
    "ranking": _("ranking"),
    "modules": _("modules"),
    "batches": _("batches"),
    "songs_left_out": _("songs left out"),
    "most_sensitive": _("most sensitive"),
    # songs
    "output": _("output"),
    "seconds": _("length"),
    "shift": _("shift"),
    "seed": _("seed"),
    # exports and their check
    "format": _("format"),
    "form": _("format"),
    "family": _("family"),
    "bytes": _("size"),
    "energy_kept": _("energy kept"),
    "pushed": _("uploaded to"),
    "largest_relative_difference": _("largest difference"),
    "dead_modules": _("dead modules"),
    "smallest_scale": _("smallest scale"),
    "largest_scale": _("largest scale"),
    "velocity_change": _("change of the velocity"),
    "difference_from_training": _("difference from training"),
    "tolerance": _("tolerance"),
    "report": _("report"),
    # preflights
    "fits": _("fits"),
    "checkpointing": _("checkpointing"),
    "faster_with": _("faster with"),
    "peak_bytes": _("memory at most"),
    "free_bytes": _("memory free"),
    "seconds_per_step": _("a step takes"),
    "fastest": _("fastest step"),
    "slowest": _("slowest step"),
    "longest_seconds": _("longest step"),
    "data_wait": _("waiting for data"),
    "seconds_in_all": _("time in all"),
    "disk_bytes": _("disk needed"),
    "disk_free_bytes": _("disk free"),
}
_DURATIONS: Final = ("audio_seconds", "seconds", "seconds_in_all")
_STEP_TIMES: Final = ("seconds_per_step", "fastest", "slowest", "longest_seconds")
_SHARES: Final = ("data_wait", "energy_kept")


@dataclass(frozen=True, slots=True)
class Result:
    """One result: the engine's key, the name and the value as people read them, and whether it is a path."""

    key: str
    name: str
    value: str
    is_path: bool


def results(told: Mapping[str, str | int | float | None]) -> Iterator[Result]:
    """The results in the engine's order; what it could not tell is left out."""
    for key, value in told.items():
        if value is not None:
            is_path = isinstance(value, str) and "/" in value
            yield Result(key, _NAMES.get(key, clean(key.replace("_", " "))), _spelled(key, value), is_path)


def _spelled(key: str, value: str | int | float) -> str:
    if isinstance(value, str):
        return clean(word(value))
    if key.endswith("bytes"):
        return size(value)
    if key in _DURATIONS:
        return duration(value)
    if key in _STEP_TIMES:
        return _("{seconds} s").format(seconds=number(value, 3))
    if key in _SHARES:
        return share(value)
    return number(value) if isinstance(value, float) else str(value)
