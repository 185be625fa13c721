"""What was set: the settings of a run that differ from the defaults, and all of them."""

from collections.abc import Iterator
from typing import Any

from sidestep_tui.config.base import Section
from sidestep_tui.config.fields import SettingField, defaults_of, leaves, look_up, setting_fields
from sidestep_tui.report import figures
from sidestep_tui.report.html import Html, element, folded, section, table


def differing(settings: Section) -> Iterator[tuple[str, str, str | None]]:
    """Dotted path, value and default of every setting that is not at its default; None for one that must be given."""
    document = settings.model_dump(mode="json")
    family = str(look_up(document, "adapter.family", "lora"))
    defaults = defaults_of(type(settings), family)
    usual = {path: figures.setting(value) for path, value in leaves(defaults)}
    for path, value in leaves(document):
        shown = figures.setting(value)
        if path not in usual or shown != usual[path]:
            yield path, shown, usual.get(path)


def settings_section(settings: Section | None) -> Html:
    """The table of what was chosen, and all settings behind a fold; None means that they cannot be read here."""
    if settings is None:
        words = "The settings of this run are of another version and cannot be read by this one."
        return section("settings", "Settings", element("p", words, class_="note"))
    document = settings.model_dump(mode="json")
    fields = {field.path: field for field in setting_fields(type(settings)) if _is_of_family(field, document)}
    chosen = [
        [_name(path, fields), _value(path, value, fields), "required" if default is None else default or "none"]
        for path, value, default in differing(settings)
    ]
    everything = [
        [_name(path, fields), _value(path, figures.setting(value), fields)] for path, value in leaves(document)
    ]
    return section(
        "settings",
        "Settings",
        element("p", "What differs from the defaults; a name's help shows when it is pointed at.", class_="note"),
        table(["setting", "value", "default"], chosen),
        folded(f"All {len(everything)} settings", table(["setting", "value"], everything)),
    )


def _is_of_family(field: SettingField, document: dict[str, Any]) -> bool:
    """Adapter families have settings of the same name with a help of their own."""
    return all(look_up(document, when.path) in when.values for when in field.when if when.path == "adapter.family")


def _name(path: str, fields: dict[str, SettingField]) -> Html:
    return element("code", path, title=fields[path].help if path in fields else None)


def _value(path: str, value: str, fields: dict[str, SettingField]) -> Html:
    unit = fields[path].unit if path in fields and value != "none" else ""
    return element("bdi", f"{value} {unit}".strip())
