"""What the wizard asks of a settings schema: its fields, defaults and steps; and what it notes about a field."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sidestep_tui.config.adapter import adapter_family
from sidestep_tui.config.base import Section, When
from sidestep_tui.config.fields import SettingField, adapter_families, defaults_of, look_up, put, setting_fields
from sidestep_tui.config.layers import Layer, merge_layers
from sidestep_tui.texts import _
from sidestep_tui.tui.wizard.values import plain

FieldKey = tuple[str, tuple[When, ...]]
EDITED: Final = "edited"


@dataclass(frozen=True, slots=True)
class Step:
    """A group of settings that is shown together: one section of the schema."""

    name: str
    title: str
    about: str
    fields: tuple[SettingField, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A value that cannot be used as things stand, and why."""

    value: Any
    message: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting whose value is not the default's."""

    field: SettingField
    value: Any
    default: Any
    origin: str


def steps_of(
    schema: type[Section], applicable: tuple[SettingField, ...], document: dict[str, Any], *, advanced: bool
) -> tuple[Step, ...]:
    """The sections with settings to show, in the order of declaration.

    Args:
        schema: the settings.
        applicable: the fields that apply under the document.
        document: the settings so far; it decides which adapter family the adapter's text is about.
        advanced: whether advanced settings are shown as well.
    """
    shown = [field for field in applicable if advanced or field.tier == "basic"]
    steps = []
    for section in dict.fromkeys(field.section for field in shown):
        fields = tuple(field for field in shown if field.section == section)
        title = _(section.replace("_", " ").capitalize()) or _("General")
        steps.append(Step(section, title, _(_about(schema, section, document)), fields))
    return tuple(steps)


def _about(schema: type[Section], section: str, document: dict[str, Any]) -> str:
    """What a section says about itself."""
    if not section:
        return schema.__doc__ or ""
    annotation = schema.model_fields[section].annotation
    if isinstance(annotation, type):
        return annotation.__doc__ or ""
    family = str(look_up(document, f"{section}.family", "lora"))
    return adapter_families()[family].__doc__ or ""


@lru_cache
def fields_of(schema: type[Section]) -> tuple[SettingField, ...]:
    """Every setting of a schema."""
    return setting_fields(schema)


def key_of(setting: SettingField) -> FieldKey:
    """What tells settings apart that share a path, such as the ranks of two adapter families."""
    return setting.path, setting.when


def defaults_under(schema: type[Section], document: dict[str, Any]) -> dict[str, Any]:
    """The defaults for the adapter family that a document has."""
    adapter = document.get("adapter", {})
    family = adapter_family(adapter) if isinstance(adapter, dict) else "lora"
    return _defaults_for(schema, family)


def with_edits(schema: type[Section], layers: tuple[Layer, ...], edits: Mapping[FieldKey, Any]) -> tuple[Layer, ...]:
    """The layers and, uppermost, the edits that apply; whether they do depends on the edits themselves."""
    all_layers = layers
    for _round in range(len(edits) + 1):
        document = merge_layers(all_layers)[0]
        applied: dict[str, Any] = {}
        for setting in fields_of(schema):
            if key_of(setting) in edits and setting.applies(document, defaults_under(schema, document)):
                applied = put(applied, setting.path, edits[key_of(setting)])
        settled = (*layers, Layer(EDITED, applied))
        if settled == all_layers:
            break
        all_layers = settled
    return all_layers


@lru_cache
def _defaults_for(schema: type[Section], family: str) -> dict[str, Any]:
    known = family if family in adapter_families() else "lora"
    defaults: dict[str, Any] = plain(defaults_of(schema, known))
    return put(defaults, "adapter.family", known) if "adapter" in defaults else defaults


def matching(fields: tuple[SettingField, ...], text: str) -> tuple[SettingField, ...]:
    """The fields whose path or help holds all words of the text; hits in the path first."""
    words = text.lower().split()
    hits = [f for f in fields if all(w in f"{f.path} {f.help} {_(f.help)} {f.unit}".lower() for w in words)]
    return tuple(sorted(hits, key=lambda f: not all(word in f.path.lower() for word in words)))


def stand_in(setting: SettingField) -> Any:
    """A value for a required setting that was not given yet, so that the rest can be checked."""
    match setting.kind:
        case "choice":
            return setting.choices[0]
        case "flag":
            return False
        case "integer" | "number":
            return int(setting.minimum or 0) + 1
        case "list":
            return list(setting.choices[:1])
        case _:
            return "not given yet"
