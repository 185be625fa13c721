"""What a preset says and changes, as content: alone, beside another, damaged, and as the report of an import."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len
from textual.content import Content

from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.memory.load import TYPICAL_SECONDS
from sidestep_tui.config.presets.changes import ABSENT, Change, changes_of, differences
from sidestep_tui.config.presets.convert import Fate
from sidestep_tui.config.presets.importing import Import
from sidestep_tui.config.presets.preset import Level, Preset
from sidestep_tui.config.presets.promise import derived_promise, models_of, preset_memory
from sidestep_tui.config.presets.shelf import Damaged
from sidestep_tui.texts import _, ngettext
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.text import clean, pad
from sidestep_tui.tui.wizard.values import spell_value

LEVELS: Final[Mapping[Level, str]] = {"shipped": _("shipped"), "user": _("your own"), "local": _("this folder")}
_MOST_DEFAULTS: Final = 6
_NARROWEST: Final = 8
_FATES: Final[tuple[tuple[Fate, str, str], ...]] = (
    ("changed", _("changed"), "~"),
    ("dropped", _("left out"), "–"),
    ("mapped", _("taken over"), "✓"),
)


def called(entry: Preset | Damaged) -> str:
    """What an entry of the list is called; a folder that cannot be read has no other name than its own."""
    return entry.path.name if isinstance(entry, Damaged) and not entry.name else entry.name


def describe(preset: Preset, width: int, hidden: Sequence[Preset] = ()) -> Content:
    """Description, promise and every setting of the preset with the default beside it, what it changes first.

    Args:
        preset: what is shown.
        width: cells of a line.
        hidden: the presets of its name that it hides.
    """
    about = _(preset.description) if preset.level == "shipped" else preset.description
    lines = [Content(clean(about) or _("No description.")), Content.styled(_promise(preset), "$text-accent")]
    where = f"  {clean(str(preset.path))}" if preset.path and preset.level != "shipped" else ""
    lines.append(Content.styled(f"{LEVELS[preset.level]}{where}", "$text-muted"))
    lines += _hiding(hidden)
    lines += [Content(""), *_settings(changes_of(preset.settings), width)]
    return Content("\n").join(lines)


def _hiding(hidden: Sequence[Preset]) -> Iterator[Content]:
    for other in hidden:
        text = _("It hides another one of this name: {level}.").format(level=LEVELS[other.level])
        yield Content.styled(text, "$text-warning")


def _settings(changes: Sequence[Change], width: int) -> list[Content]:
    """A line for each setting; of many that only repeat a default, their number."""
    defaults = sum(change.is_default for change in changes)
    shown = changes if defaults <= _MOST_DEFAULTS else changes[: len(changes) - defaults]
    rows = [(change.path, clean(spell_value(change.value)) or _("none"), _note(change)) for change in shown]
    lines = []
    for change, (path, value, note) in zip(shown, _aligned(rows, width), strict=True):
        style = "$text-muted" if change.is_default else "bold"
        lines.append(Content.assemble(path, (value, style), (note, "$text-muted")))
    if defaults > _MOST_DEFAULTS:
        text = ngettext("{count} more is at its default.", "{count} more are at their defaults.", defaults)
        lines.append(Content.styled(text.format(count=defaults), "$text-muted"))
    return lines


def _note(change: Change) -> str:
    usual = clean(spell_value(change.default)) or _("empty")
    return _("default") if change.is_default else _("not {default}").format(default=usual)


def _aligned(rows: Sequence[tuple[str, str, str]], width: int) -> list[tuple[str, str, str]]:
    """Rows of a setting and two texts, padded to columns; the wider text gives way first, the setting last."""
    if not rows:
        return []
    path, left, right = (max(map(cell_len, column)) for column in zip(*rows, strict=True))
    gap = "  " if path + left + right + 4 <= width else " "
    room = width - path - 2 * len(gap)
    if left + right > room:
        most = max(_NARROWEST, room - min(left, right))
        left, right = min(left, most), min(right, most)
    path = min(path, width - left - right - 2 * len(gap))
    return [(pad(a, path) + gap, pad(b, left) + gap, pad(c, right)) for a, b, c in rows]


def describe_damaged(entry: Damaged, hidden: Sequence[Preset]) -> Content:
    """Why a preset cannot be used, where it lies, what to do, and which other of its name it hides until then."""
    lines = [
        Content.styled(clean(spoken(entry.error.what)), "$text-error"),
        Content.styled(f"{LEVELS[entry.level]}  {clean(str(entry.path))}", "$text-muted"),
    ]
    if entry.error.fix:
        lines += [Content(""), Content(_("Fix: {fix}").format(fix=clean(spoken(entry.error.fix))))]
    return Content("\n").join([*lines, *_hiding(hidden)])


def compare(left: Preset, right: Preset, width: int) -> Content:
    """The settings in which two presets differ, defaults filled in where one of them says nothing."""
    rows = [("", clean(left.name), clean(right.name))]
    rows += [(path, _value(a), _value(b)) for path, a, b in differences(left.settings, right.settings)]
    texts = map("".join, _aligned(rows, width))
    lines = [Content.styled(text, "" if number else "bold") for number, text in enumerate(texts)]
    if len(lines) == 1:
        lines.append(Content.styled(_("They give the same settings."), "$text-muted"))
    promises = (f"{preset.name}: {_promise(preset)}" for preset in (left, right))
    lines += [Content(""), *(Content.styled(clean(promise), "$text-muted") for promise in promises)]
    return Content("\n").join(lines)


def report(imported: Import, width: int) -> Content:
    """What became of every field of an imported preset; of one of our own, what it changes."""
    lines = []
    for fate, title, mark in _FATES:
        notes = imported.of(fate)
        if notes:
            lines.append(Content.styled(f"{title} ({len(notes)})", "bold"))
        for note in notes:
            arrow = f" → {note.new}" if note.new else ""
            why = f"  {spoken(note.why)}" if note.why else ""
            lines.append(Content.assemble(f"{mark} ", clean(note.old), clean(arrow), (clean(why), "$text-muted")))
    if not lines:
        lines = [Content(_("All of its settings are taken over.")), Content("")]
        lines += _settings(changes_of(imported.preset.settings), width)
    return Content("\n").join(lines)


def _promise(preset: Preset) -> str:
    """The preset's own words for what it needs, or the derived figure in the user's language."""
    if preset.promise not in ("", derived_promise(preset)):
        return clean(preset.promise)
    totals = {model: preset_memory(preset.settings, model).total / GIB for model in models_of(preset.name)}
    figures = ", ".join(_("{gib} GiB on {model}").format(gib=f"{gib:.1f}", model=m) for m, gib in totals.items())
    words = _("derived, not measured: {figures}, for songs of {seconds} s")
    return words.format(figures=figures, seconds=f"{TYPICAL_SECONDS:.0f}")


def _value(value: Any) -> str:
    return "–" if value is ABSENT else clean(spell_value(value)) or _("none")
