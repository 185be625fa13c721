"""Presets from elsewhere: our own JSON, and the flat JSON of the older Side-Step trainer, with a report.

The old field names are those of its preset files; values that we do not have are replaced or dropped, and said so.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from sidestep_tui.config.fields import look_up, put, remove, setting_fields
from sidestep_tui.config.preset_fields import (
    ALWAYS_DROPPED,
    FAMILY_FIELDS,
    METADATA,
    PLAIN_FIELDS,
    SCHEDULES,
    TIMESTEPS,
    WEIGHTINGS,
)
from sidestep_tui.config.presets import Preset, check_name, parse_preset, preset_problems, read_text
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import SidestepError

Fate = Literal["mapped", "changed", "dropped"]


@dataclass(frozen=True, slots=True)
class Note:
    """What became of one old field: its new path and value, and why it was changed or dropped."""

    fate: Fate
    old: str
    new: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Import:
    """An imported preset. `notes` is empty for a preset of our own."""

    preset: Preset
    notes: tuple[Note, ...] = ()

    def of(self, fate: Fate) -> tuple[Note, ...]:
        """The notes of one kind."""
        return tuple(note for note in self.notes if note.fate == fate)


def import_file(path: Path) -> Import:
    """Reads a preset file of either kind; nothing is saved.

    Raises:
        SidestepError: too large, not JSON, no preset, a value of the wrong type, or a name that is no safe file name.
    """
    return import_text(read_text(path), path.stem)


def import_text(text: str, fallback_name: str = "imported") -> Import:
    """The same for text, for instance from the clipboard."""
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        document = None
    if not isinstance(document, dict) or "settings" in document or not _is_old(document):
        return Import(parse_preset(text, fallback_name))
    name = document.get("name", fallback_name)
    if not isinstance(name, str):
        raise SidestepError("The preset's name is not text.", where=name, fix="give it a name in quotes")
    settings, notes = _Converter(document).convert()
    if not settings:
        raise SidestepError("Nothing in this preset can be used here.", where=name, fix="check that it is a preset")
    preset = Preset(check_name(name), str(document.get("description", "")), settings, "imported, not measured")
    return Import(preset, notes)


def _is_old(document: Mapping[str, Any]) -> bool:
    known = {*PLAIN_FIELDS, *_SPECIAL, *(old for names in FAMILY_FIELDS.values() for old in names)}
    return any(key in known for key in document)


@dataclass
class _Converter:
    """One conversion in progress."""

    old: Mapping[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    def convert(self) -> tuple[dict[str, Any], tuple[Note, ...]]:
        family_fields = self._family()
        for name, value in self.old.items():
            if name in METADATA:
                continue
            if name in _SPECIAL:
                _SPECIAL[name](self, name, value)
            elif path := {**PLAIN_FIELDS, **family_fields}.get(name):
                self.set(name, path, self.number(name, value))
            elif any(name in names for names in FAMILY_FIELDS.values()):
                self.drop(name, "belongs to another adapter family")
            else:
                self.drop(name, ALWAYS_DROPPED.get(name, "is not a setting here"))
        self._drop_what_is_invalid()
        return self.settings, tuple(self.notes)

    def _family(self) -> Mapping[str, str]:
        family = str(self.old.get("adapter_type", "lora")).lower()
        if family == "lora" and self.old.get("use_dora") is True:
            family = "dora"
        if family not in FAMILY_FIELDS:
            raise SidestepError(
                f"The adapter type {family!r} is not one of ours.", where="adapter_type", fix="choose another preset"
            )
        self.settings = put(self.settings, "adapter.family", family)
        return FAMILY_FIELDS[family]

    def number(self, name: str, value: Any) -> int | float:
        """A number, also from text."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        try:
            if not isinstance(value, str):
                raise ValueError
            number = float(value)
        except ValueError:
            raise SidestepError(f"{name} must be a number, not {value!r}.", where=name, fix="correct it") from None
        return int(number) if number.is_integer() and "." not in value and "e" not in value.lower() else number

    def flag(self, name: str, value: Any) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            raise SidestepError(f"{name} must be true or false, not {value!r}.", where=name, fix="correct it")
        return value

    def set(self, name: str, path: str, value: Any, why: str = "") -> None:
        """Takes a value over; with a reason it counts as changed."""
        self.settings = put(self.settings, path, value)
        self.sources[path] = name
        self.notes.append(Note("changed" if why else "mapped", name, f"{path} = {_spelled(value)}", why))

    def drop(self, name: str, why: str) -> None:
        """Leaves a field out."""
        self.notes.append(Note("dropped", name, why=why))

    def choose(self, name: str, path: str, value: Any, renamed: Mapping[str, str], otherwise: str) -> None:
        """Takes a choice over where we have it, under our name for it; else `otherwise`."""
        offered = next(f.choices for f in setting_fields(TrainSettings) if f.path == path)
        wanted = renamed.get(str(value), str(value))
        if wanted in offered:
            self.set(name, path, wanted, f"was {value}" if wanted != value else "")
        else:
            self.set(name, path, otherwise, f"there is no {value!r} here")

    def _drop_what_is_invalid(self) -> None:
        for problem in preset_problems(self.settings):
            # A section that contradicts itself goes with all of its fields.
            for path, name in self.sources.items():
                if path == problem.path or path.startswith(f"{problem.path}."):
                    self.settings = remove(self.settings, path)
                    self.notes = [note for note in self.notes if note.old != name]
                    self.drop(name, problem.message)


def _spelled(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) else value


def _family_name(converter: _Converter, name: str, _value: Any) -> None:
    converter.set(name, "adapter.family", converter.settings["adapter"]["family"])


def _target_modules(converter: _Converter, name: str, value: Any) -> None:
    words = value.split() if isinstance(value, str) else list(value) if isinstance(value, list) else []
    letters = [word.removesuffix("_proj") for word in words]
    projections = [letter for letter in ("q", "k", "v", "o") if letter in letters]
    existing = look_up(converter.settings, "adapter.targets.projections", [])
    if projections:
        both = [letter for letter in ("q", "k", "v", "o") if letter in projections or letter in existing]
        differs = bool(existing) and both != list(existing)
        why = "one list for both attentions" if differs else ""
        converter.set(name, "adapter.targets.projections", both, why)
    if any(letter in letters for letter in ("gate", "up", "down")):
        converter.set(name, "adapter.targets.mlp", True)
    if not words:
        converter.drop(name, "is empty")


def _checkpointing(converter: _Converter, name: str, value: Any) -> None:
    on = converter.flag(name, value)
    ratio = converter.number("ratio", converter.old.get("gradient_checkpointing_ratio", 1.0)) if on else 0.0
    level = "none" if ratio <= 0.25 else "half" if ratio < 0.75 else "all"
    exact = ratio in (0.0, 0.5, 1.0)
    converter.set(name, "memory.checkpointing", level, "" if exact else f"was {ratio:g} of the layers")


def _crop(converter: _Converter, name: str, value: Any) -> None:
    number = converter.number(name, value)
    seconds = number / 25 if name == "max_latent_length" else number
    if seconds > 0:
        converter.set(name, "data.crop_seconds", float(seconds), "counted in frames" if seconds != number else "")
    else:
        converter.drop(name, "whole songs are the default")


def _formula(converter: _Converter, name: str, value: Any) -> None:
    if isinstance(value, str) and value.strip():
        converter.set(name, "schedule.formula", value)
    else:
        converter.drop(name, "is empty")


def _max_steps(converter: _Converter, name: str, value: Any) -> None:
    steps = converter.number(name, value)
    if steps:
        converter.set(name, "training.max_steps", steps)
    else:
        converter.drop(name, "0 means no limit, which is the default")


_Rule = Callable[[_Converter, str, Any], None]
_SPECIAL: Final[dict[str, _Rule]] = {
    "adapter_type": _family_name,
    "use_dora": _family_name,
    "attention_type": lambda c, name, value: c.choose(name, "adapter.targets.attention", value, {}, "both"),
    "target_modules_str": _target_modules,
    "self_target_modules_str": _target_modules,
    "cross_target_modules_str": _target_modules,
    "target_mlp": lambda c, name, value: c.set(name, "adapter.targets.mlp", c.flag(name, value)),
    "optimizer_type": lambda c, name, value: c.choose(name, "optimizer.name", value, {}, "adamw"),
    "scheduler_type": lambda c, name, value: c.choose(name, "schedule.name", value, SCHEDULES, "cosine"),
    "loss_weighting": lambda c, name, value: c.choose(name, "objective.weighting", value, WEIGHTINGS, "flat"),
    "timestep_mode": lambda c, name, value: c.choose(name, "objective.timesteps", value, TIMESTEPS, "model"),
    "gradient_checkpointing": _checkpointing,
    "scheduler_formula": _formula,
    "chunk_duration": _crop,
    "max_latent_length": _crop,
    "max_steps": _max_steps,
}
