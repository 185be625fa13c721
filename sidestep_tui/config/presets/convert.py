"""The fields of the older Side-Step trainer's flat presets as settings, with a note on what became of each."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sidestep_tui.config.fields import look_up, put, remove, setting_fields
from sidestep_tui.config.memory.load import FRAMES_PER_SECOND
from sidestep_tui.config.presets import old_fields as table
from sidestep_tui.config.presets.preset import preset_problems
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import SidestepError

Fate = Literal["mapped", "changed", "dropped"]
_LONGEST_VALUE: Final = 80


@dataclass(frozen=True, slots=True)
class Note:
    """What became of one old field: its new path and value, and why it was changed or dropped."""

    fate: Fate
    old: str
    new: str = ""
    why: str = ""


def is_old_field(name: str) -> bool:
    """Whether a key of a flat document is one that we have a setting for."""
    return (
        name in table.PLAIN_FIELDS or name in _RULES or any(name in fields for fields in table.FAMILY_FIELDS.values())
    )


@dataclass
class Converter:
    """One conversion in progress.

    Args:
        old: the flat document.
        where: where it comes from, for errors.
    """

    old: Mapping[str, Any]
    where: object
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)

    def convert(self) -> tuple[dict[str, Any], tuple[Note, ...]]:
        """The settings, and a note on each field but name and description.

        Raises:
            SidestepError: a value is of the wrong type, or the adapter family is none of ours.
        """
        plain = {**table.PLAIN_FIELDS, **self._family()}
        for name, value in self.old.items():
            if name in table.METADATA:
                continue
            if name in _RULES:
                _RULES[name](self, name, value)
            elif name in plain:
                self._take_number(name, plain[name], value)
            elif any(name in names for names in table.FAMILY_FIELDS.values()):
                self.drop(name, table.OTHER_FAMILY)
            else:
                self.drop(name, table.ALWAYS_DROPPED.get(name, table.UNKNOWN))
        self._drop_what_is_invalid()
        return self.settings, tuple(self.notes)

    def _family(self) -> Mapping[str, str]:
        family = str(self.old.get("adapter_type", "lora")).lower()
        if family == "lora" and self.old.get("use_dora") is True:
            family = "dora"
        if family not in table.FAMILY_FIELDS:
            raise self.wrong(f"The adapter type {family[:40]!r} is not one of ours.", "choose another preset")
        self.settings = put(self.settings, "adapter.family", family)
        return table.FAMILY_FIELDS[family]

    def _take_number(self, name: str, path: str, value: Any) -> None:
        number = self.number(name, value)
        if path in self.sources:
            self.drop(name, f"{self.sources[path]} says it already")
        elif name in table.ZERO_IS_OFF and number == 0:
            self.drop(name, table.OFF)
        else:
            self.set(name, path, number)

    def wrong(self, what: str, fix: str = "correct it") -> SidestepError:
        """An error about this preset."""
        return SidestepError(what, where=self.where, fix=fix)

    def number(self, name: str, value: Any) -> int | float:
        """A number, also from text."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        try:
            number = float(value) if isinstance(value, str) else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.wrong(f"{name} must be a number, not {_spelled(value)}.")
        return int(number) if number.is_integer() and str(value).strip().lstrip("+-").isdigit() else number

    def flag(self, name: str, value: Any) -> bool:
        """True or false."""
        if not isinstance(value, bool):
            raise self.wrong(f"{name} must be true or false, not {_spelled(value)}.")
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
            self.set(name, path, otherwise, f"there is no {_spelled(value)} here")

    def _drop_what_is_invalid(self) -> None:
        for problem in preset_problems(self.settings):
            # A section that contradicts itself goes with all of its fields.
            for path, name in self.sources.items():
                if path == problem.path or path.startswith(f"{problem.path}."):
                    self.settings = remove(self.settings, path)
                    self.notes = [note for note in self.notes if note.old != name]
                    self.drop(name, problem.message)


def _spelled(value: Any) -> str:
    """A value in a note or an error, as people write it."""
    match value:
        case str():
            text = value
        case float() if float(f"{value:g}") == value:
            text = f"{value:g}"
        case list() if all(isinstance(item, str) for item in value):
            text = ", ".join(value)
        case _:
            text = json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _family_name(converter: Converter, name: str, _value: Any) -> None:
    converter.set(name, "adapter.family", converter.settings["adapter"]["family"])


def _target_modules(converter: Converter, name: str, value: Any) -> None:
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise converter.wrong(f"{name} must be names of modules, not {_spelled(value)}.")
    letters = [word.removesuffix("_proj") for word in words]
    existing = look_up(converter.settings, "adapter.targets.projections", [])
    has_mlp = any(letter in letters for letter in ("gate", "up", "down"))
    if any(letter in letters for letter in "qkvo"):
        both = [letter for letter in "qkvo" if letter in letters or letter in existing]
        why = table.ONE_LIST if existing and both != existing else ""
        converter.set(name, "adapter.targets.projections", both, why)
    if has_mlp:
        converter.set(name, "adapter.targets.mlp", True)
    if not has_mlp and not any(letter in letters for letter in "qkvo"):
        converter.drop(name, table.NO_MODULES if words else table.EMPTY)


def _checkpointing(converter: Converter, name: str, value: Any) -> None:
    on = converter.flag(name, value)
    ratio = converter.number("ratio", converter.old.get("gradient_checkpointing_ratio", 1.0)) if on else 0.0
    level = "none" if ratio <= 0.25 else "half" if ratio < 0.75 else "all"
    exact = ratio in (0.0, 0.5, 1.0)
    converter.set(name, "memory.checkpointing", level, "" if exact else f"was {ratio:g} of the layers")


def _crop(converter: Converter, name: str, value: Any) -> None:
    number = converter.number(name, value)
    in_frames = name == "max_latent_length"
    seconds = number / FRAMES_PER_SECOND if in_frames else number
    if seconds > 0:
        converter.set(name, "data.crop_seconds", float(seconds), table.IN_FRAMES if in_frames else "")
    else:
        converter.drop(name, table.WHOLE_SONGS)


def _formula(converter: Converter, name: str, value: Any) -> None:
    if isinstance(value, str) and value.strip():
        converter.set(name, "schedule.formula", value)
    else:
        converter.drop(name, table.EMPTY)


def _adaptive(converter: Converter, name: str, value: Any) -> None:
    share = converter.number(name, value)
    if share > 0:
        converter.set(name, "objective.adaptive", True, f"was a share of {share:g}")
    else:
        converter.drop(name, table.OFF)


def _quantise(converter: Converter, name: str, value: Any) -> None:
    if not converter.flag(name, value):
        converter.set(name, "memory.weights", "full")
        return
    kind = converter.old.get("weight_qtype", "qfloat8")
    converter.choose(name, "memory.weights", kind, table.QUANTISED, "int8")


_Rule = Callable[[Converter, str, Any], None]
_RULES: Final[dict[str, _Rule]] = {
    "adapter_type": _family_name,
    "use_dora": _family_name,
    "attention_type": lambda c, name, value: c.choose(name, "adapter.targets.attention", value, {}, "both"),
    "target_modules_str": _target_modules,
    "self_target_modules_str": _target_modules,
    "cross_target_modules_str": _target_modules,
    "target_mlp": lambda c, name, value: c.set(name, "adapter.targets.mlp", c.flag(name, value)),
    "optimizer_type": lambda c, name, value: c.choose(name, "optimizer.name", value, {}, "adamw"),
    "scheduler_type": lambda c, name, value: c.choose(name, "schedule.name", value, table.SCHEDULES, "cosine"),
    "loss_weighting": lambda c, name, value: c.choose(name, "objective.weighting", value, table.WEIGHTINGS, "flat"),
    "timestep_mode": lambda c, name, value: c.choose(name, "objective.timesteps", value, table.TIMESTEPS, "model"),
    "adaptive_timestep_ratio": _adaptive,
    "gradient_checkpointing": _checkpointing,
    "weight_quantize": _quantise,
    "scheduler_formula": _formula,
    "chunk_duration": _crop,
    "max_latent_length": _crop,
}
