"""What a preset is: a name for partial training settings, as one JSON file that can be given away.

A preset holds no paths and no device. Where presets lie, and which of two with one name counts, is in `shelf`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal

from sidestep_tui import __version__
from sidestep_tui.config.fields import leaves, look_up, put, setting_fields
from sidestep_tui.config.layers import Problem, problems_of
from sidestep_tui.config.presets.names import check_name
from sidestep_tui.config.presets.text import read_object, read_text
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import SidestepError
from sidestep_tui.told import told

Level = Literal["local", "user", "shipped"]
_TEXTS: Final = ("name", "description", "promise", "sidestep")
_KEYS: Final = {*_TEXTS, "settings"}
_STAND_INS: Final = {"model.checkpoint": "model", "data.tensors": "tensors"}
_MOST_LISTED: Final = 5
_LONGEST_LINE: Final = 160
_ALIKE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Preset:
    """A named, partial settings document.

    `promise` is the figure that it was made for, measured or derived; presets that promise nothing have what
    `promise.promise_of` derives.
    """

    name: str
    description: str
    settings: dict[str, Any]
    promise: str = ""
    level: Level = "user"
    path: Path | None = None

    def as_document(self) -> dict[str, Any]:
        """What is written to disk, with the version of Side-Step that knows these settings."""
        return {
            "name": self.name, "description": self.description, "promise": self.promise, "sidestep": __version__,
            "settings": self.settings,
        }  # fmt: skip


def read_preset(path: Path, level: Level) -> Preset:
    """A preset file, checked.

    Raises:
        SidestepError: too large, not JSON, or not a valid preset; each wrong setting is named.
    """
    return parse_preset(read_text(path), path.stem, level, path)


def parse_preset(text: str, fallback_name: str, level: Level = "user", path: Path | None = None) -> Preset:
    """A preset from its JSON text; the same errors as `read_preset`."""
    where = path or "the preset"
    return make_preset(read_object(text, where), fallback_name, where, level, path)


def make_preset(
    document: dict[str, Any], fallback_name: str, where: object, level: Level = "user", path: Path | None = None
) -> Preset:
    """A preset from its document; the same errors as `read_preset`."""
    if not isinstance(document.get("settings"), dict):
        raise SidestepError("A preset is an object with `settings`.", where=where, fix="see a shipped preset")
    for key in _TEXTS:
        if not isinstance(document.get(key, ""), str):
            raise SidestepError(f"The preset's {key} is not text.", where=where, fix="put it in quotes")
    if unknown := sorted(set(document) - _KEYS):
        fix = "for a run's settings: `sidestep preset save NAME --run RUN`" if "job" in unknown else "remove it"
        raise _unusable(document, f"Unknown in a preset: {_listed(unknown, len(unknown))}.", where, fix)
    if problems := preset_problems(document["settings"]):
        listed = _listed([_in_words(problem) for problem in problems[:_MOST_LISTED]], len(problems))
        raise _unusable(document, f"The preset has settings that cannot be used: {listed}.", where, "correct them")
    return Preset(
        name=check_name(document.get("name", fallback_name)),
        description=document.get("description", ""),
        promise=document.get("promise", ""),
        settings=document["settings"],
        level=level,
        path=path,
    )


def _unusable(document: dict[str, Any], what: str, where: object, fix: str) -> SidestepError:
    """What is wrong with a preset; one that a newer Side-Step saved is not to blame."""
    theirs = document.get("sidestep", "")
    if _numbers(theirs) > _numbers(__version__):
        what = f"The preset was saved by Side-Step {theirs[:20]}, this is {__version__}. {what}"
        fix = "update Side-Step, or remove from the file what this one does not know"
    return SidestepError(what, where=where, fix=fix)


def _in_words(problem: Problem) -> str:
    """A problem with its setting, and of one that does not exist the one that is spelled almost so."""
    known = list(dict.fromkeys(field.path for field in setting_fields(TrainSettings)))
    almost = [] if problem.path in known else get_close_matches(problem.path, known, n=1, cutoff=_ALIKE)
    message = told(f"{problem.message}, did you mean {almost[0]}?") if almost else problem.message
    return replace(problem, message=message).told


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,9}", version)[:3])


def _listed(texts: Sequence[str], count: int) -> str:
    """The first of `count` texts, which may be very many and of any length."""
    shown = [text if len(text) <= _LONGEST_LINE else f"{text[:_LONGEST_LINE]}…" for text in texts[:_MOST_LISTED]]
    more = count - len(shown)
    return "; ".join([*shown, told(f"and {more} more")] if more else shown)


def preset_problems(settings: dict[str, Any]) -> tuple[Problem, ...]:
    """What keeps partial settings from being a preset: invalid values, and paths or devices, which are personal."""
    personal = _personal()
    kept_out = [
        Problem(path, "is a path or device and stays out of presets", value)
        for path, value in leaves(settings)
        if path in personal
    ]
    for section in {path.partition(".")[0] for path in _STAND_INS} & set(settings):
        if not isinstance(settings[section], dict):  # the stand-ins would take its place
            kept_out.append(Problem(section, "must be a group of settings", settings[section]))
    return tuple(kept_out) or problems_of(TrainSettings, with_stand_ins(settings))


def with_stand_ins(settings: dict[str, Any]) -> dict[str, Any]:
    """A preset's settings as a whole document, with words in place of the folders that a run must be given."""
    for path, value in _STAND_INS.items():
        settings = put(settings, path, value)
    return settings


def without_personal(document: dict[str, Any]) -> dict[str, Any]:
    """A settings document with its paths and devices left out, as a preset holds it."""
    kept: dict[str, Any] = {}
    personal = _personal()
    for path, _ in leaves(document):
        if path not in personal:
            kept = put(kept, path, look_up(document, path))
    return kept


def left_out(document: dict[str, Any]) -> tuple[str, ...]:
    """The paths in a settings document that were chosen for more than this machine, and that a preset cannot hold."""
    always = {*_STAND_INS, "model.device"}
    return tuple(path for path, value in leaves(document) if value and path in _personal() - always)


def _personal() -> set[str]:
    return {field.path for field in setting_fields(TrainSettings) if field.personal}
