"""What presets change: one against the defaults, and two against each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sidestep_tui.config.adapter import adapter_family
from sidestep_tui.config.fields import defaults_of, leaves, look_up, put, setting_fields
from sidestep_tui.config.layers import merge
from sidestep_tui.config.train import TrainSettings


class Absent:
    """Stands for the value of a setting that has no meaning under the others."""


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that a preset names: its value, and what it would be without."""

    path: str
    value: Any
    default: Any

    @property
    def is_default(self) -> bool:
        """Whether the preset only says what holds anyway."""
        return bool(self.value == self.default)


def changes_of(settings: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every setting of a preset beside its default; those that differ come first, in the order of the file."""
    family = look_up(defaults_of(TrainSettings), "adapter.family")
    defaults = put(_defaults(settings), "adapter.family", family)
    changes = [Change(path, _plain(v), _plain(look_up(defaults, path))) for path, v in leaves(dict(settings))]
    return tuple(sorted(changes, key=lambda change: change.is_default))


def whole_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting that applies under a preset, by dotted path, with defaults where it says nothing."""
    defaults = _defaults(settings)
    document = merge(defaults, dict(settings))
    return {
        field.path: _plain(look_up(document, field.path))
        for field in setting_fields(TrainSettings)
        if not field.required and field.applies(document, defaults)
    }


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The settings in which two presets differ, with both values; `ABSENT` where one has no such setting."""
    first, second = whole_settings(left), whole_settings(right)
    for path in dict.fromkeys([*first, *second]):
        values = first.get(path, ABSENT), second.get(path, ABSENT)
        if values[0] != values[1]:
            yield path, *values


def _defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    return defaults_of(TrainSettings, adapter_family(settings.get("adapter", {})))


def _plain(value: Any) -> Any:
    """JSON has lists where the schema has tuples."""
    return list(value) if isinstance(value, tuple) else value
