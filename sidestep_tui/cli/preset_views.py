"""Presets as people read them in a terminal, and as documents for `--json`."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sidestep_tui.cli.describe import value_text
from sidestep_tui.config.presets.changes import ABSENT, changes_of
from sidestep_tui.config.presets.importing import Import
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.config.presets.promise import promise_of
from sidestep_tui.config.presets.shelf import Shelf
from sidestep_tui.dataset.text import printable

LEVELS: Final = {"local": "this folder", "user": "your own", "shipped": "shipped"}
Difference = tuple[str, Any, Any]


def preset_document(preset: Preset, shelf: Shelf | None = None) -> dict[str, Any]:
    """One preset; with the shelf also the levels at which it hides another of its name."""
    document = {**preset.as_document(), "promise": promise_of(preset), "level": preset.level, "path": preset.path}
    return document if shelf is None else {**document, "hides": [p.level for p in shelf.hidden_by(preset.name)]}


def shelf_document(shelf: Shelf) -> list[dict[str, Any]]:
    """All presets; those that cannot be used have an `error`."""
    damaged = [
        {"name": entry.name, "level": entry.level, "path": entry.path, **entry.error.as_dict()}
        for entry in shelf.damaged
    ]
    return [*(preset_document(preset, shelf) for preset in shelf.presets), *damaged]


def shelf_table(shelf: Shelf) -> RenderableType:
    """All presets with what each is for, what it changes and what it promises."""
    table = Table(box=None, pad_edge=False)
    for column in ("PRESET", "LEVEL"):
        table.add_column(column, no_wrap=True)
    table.add_column("FOR, CHANGES, MEMORY", overflow="fold")
    for preset in shelf.presets:
        hidden = [f"hides the one that is {LEVELS[other.level]}" for other in shelf.hidden_by(preset.name)]
        changed = ", ".join(f"{c.path}={value_text(c.value)}" for c in changes_of(preset.settings) if not c.is_default)
        table.add_row(
            Text(printable(preset.name), style="bold"),
            LEVELS[preset.level],
            _lines(preset.description, changed or "nothing but defaults", promise_of(preset), *hidden),
        )
    for entry in shelf.damaged:
        text = Text(printable(entry.error.what), style="red")
        fix = Text(printable(f"{entry.path}: {entry.error.fix}"), style="dim")
        name = Text(printable(entry.name or entry.path.name), style="red")
        table.add_row(name, LEVELS[entry.level], Group(text, fix))
    return table


def preset_details(preset: Preset, hidden: Sequence[Preset]) -> RenderableType:
    """One preset: what it is for, and every setting beside its default."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for change in changes_of(preset.settings):
        note = "the default" if change.is_default else f"not {value_text(change.default)}"
        style = "dim" if change.is_default else "bold"
        table.add_row(change.path, Text(printable(value_text(change.value)), style=style), Text(note, style="dim"))
    head = Text.assemble((printable(preset.name), "bold"), f"  {LEVELS[preset.level]}")
    hides = [f"It hides the one that is {LEVELS[other.level]}: {other.path}" for other in hidden]
    path = [] if preset.level == "shipped" else [str(preset.path)]
    return Group(head, _lines(preset.description, promise_of(preset), *path, *hides), table)


def comparison(left: Preset, right: Preset, rows: Sequence[Difference]) -> RenderableType:
    """The settings in which two presets differ."""
    if not rows:
        return Text("They give the same settings.")
    table = Table(box=None, pad_edge=False)
    for column in ("SETTING", left.name, right.name):
        table.add_column(Text(printable(column)), overflow="fold")
    for path, *values in rows:
        table.add_row(path, *(Text("–" if v is ABSENT else printable(value_text(v))) for v in values))
    table.add_row("needs", *(Text(promise_of(preset), style="dim") for preset in (left, right)))
    return table


def import_lines(imported: Import) -> Iterator[str]:
    """What became of each setting of a foreign file."""
    for note in imported.notes:
        became = f" → {note.new}" if note.new else ""
        yield f"  {note.fate:<8} {note.old}{became}{f' ({note.why})' if note.why else ''}"


def _lines(first: str, *more: str) -> Text:
    text = Text(printable(first))
    for line in more:
        text.append(f"\n{printable(line)}" if text.plain else printable(line), style="dim")
    return text
