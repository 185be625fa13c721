"""Presets from elsewhere: our own JSON, and the flat JSON of the older Side-Step trainer, with a report.

Nothing is saved here: the report is for looking at first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sidestep_tui.config.places import whole_path
from sidestep_tui.config.presets.convert import Converter, Fate, Note, is_old_field
from sidestep_tui.config.presets.names import check_name
from sidestep_tui.config.presets.preset import Preset, make_preset
from sidestep_tui.config.presets.text import read_object, read_text
from sidestep_tui.errors import SidestepError

_MOST_FIELDS: Final = 200
"""More than twice of what the older trainer's presets have."""

UNNAMED: Final = "imported"
"""What a preset is called that came as text and without a name."""


@dataclass(frozen=True, slots=True)
class Import:
    """An imported preset. `notes` is empty for a preset of our own."""

    preset: Preset
    notes: tuple[Note, ...] = ()

    def of(self, fate: Fate) -> tuple[Note, ...]:
        """The notes of one kind."""
        return tuple(note for note in self.notes if note.fate == fate)


def import_file(path: Path, name: str | None = None) -> Import:
    """Reads a preset file of either kind; nothing is saved.

    Args:
        path: the file.
        name: what the preset is to be called, in place of its own name.

    Raises:
        SidestepError: too large, not JSON, no preset, a value of the wrong type, or a name that is no safe file name.
    """
    path = whole_path(path)
    return _import(read_text(path), name, path.stem, path)


def import_text(text: str, name: str | None = None) -> Import:
    """The same for text, for instance from the clipboard."""
    return _import(text, name, UNNAMED, "the preset")


def import_given(text: str) -> Import:
    """The same for what a person typed or pasted: a preset's JSON, or the name of a file."""
    text = text.strip("\ufeff \t\r\n")
    if text.startswith(("{", "[")):
        return import_text(text)
    if "\n" in text:
        raise SidestepError("This is neither a preset nor the name of a file.", fix="paste the whole text, from { to }")
    return import_file(Path(text))


def _import(text: str, name: str | None, fallback_name: str, where: object) -> Import:
    document = read_object(text, where)
    if name is not None:
        document["name"] = name
    if "settings" in document or not any(map(is_old_field, document)):
        return Import(make_preset(document, fallback_name, where))
    return _import_old(document, fallback_name, where)


def _import_old(document: Mapping[str, Any], fallback_name: str, where: object) -> Import:
    if len(document) > _MOST_FIELDS:
        raise SidestepError(f"A preset has no {len(document)} fields.", where=where, fix="check that this is a preset")
    texts = {key: document.get(key, "") for key in ("name", "description")}
    for key, value in texts.items():
        if not isinstance(value, str):
            raise SidestepError(f"The preset's {key} is not text.", where=where, fix="put it in quotes")
    settings, notes = Converter(document, where).convert()
    if not settings:
        raise SidestepError("Nothing in this preset can be used here.", where=where, fix="check that it is a preset")
    return Import(Preset(check_name(document.get("name", fallback_name)), texts["description"], settings), notes)
