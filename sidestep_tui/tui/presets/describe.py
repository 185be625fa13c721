"""What a preset says and changes, as content: alone, beside another, and as the report of an import."""

from collections.abc import Mapping
from typing import Any, Final

from textual.content import Content

from sidestep_tui.config.fields import leaves, look_up
from sidestep_tui.config.layers import merge
from sidestep_tui.config.preset_import import Import
from sidestep_tui.config.presets import Level, Preset
from sidestep_tui.texts import _
from sidestep_tui.tui.text import clean, pad, shorten
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.values import plain, spell_value

LEVELS: Final[Mapping[Level, str]] = {"shipped": _("shipped"), "user": _("your own"), "local": _("this folder")}
_PATH_WIDTH: Final = 30
_FATES: Final = (("mapped", _("taken over"), "✓"), ("changed", _("changed"), "~"), ("dropped", _("left out"), "–"))


def describe(preset: Preset, width: int) -> Content:
    """Description, promise and every setting of the preset with the default beside it.

    Args:
        preset: what is shown.
        width: cells of a line.
    """
    document = WizardDocument().with_preset(preset)
    defaults = {setting.path: document.default(setting) for setting in document.applicable}
    lines = [Content(clean(preset.description) or _("No description."))]
    if preset.promise:
        lines.append(Content.styled(clean(preset.promise), "$text-accent"))
    where = f"  {clean(str(preset.path))}" if preset.path and preset.level != "shipped" else ""
    lines += [Content.styled(f"{LEVELS[preset.level]}{where}", "$text-muted"), Content("")]
    settings = [(path, spell_value(value), plain(value)) for path, value in leaves(preset.settings)]
    value_width = max((len(spelled) for _, spelled, _ in settings), default=0)
    for path, spelled, value in settings:
        same = value == defaults.get(path)
        usual = spell_value(defaults.get(path)) or _("empty")
        note = _("default") if same else _("not {default}").format(default=usual)
        room = max(0, width - _PATH_WIDTH - value_width - 3)
        lines.append(
            Content.assemble(
                pad(path, _PATH_WIDTH), " ", (pad(spelled, value_width), "" if same else "bold"), "  ",
                (shorten(note, room), "$text-muted"),
            )
        )  # fmt: skip
    return Content("\n").join(lines)


def compare(left: Preset, right: Preset, width: int) -> Content:
    """The settings in which two presets differ, defaults filled in where one of them says nothing."""
    column = max(10, (width - 28) // 2)
    first, second = whole_settings(left), whole_settings(right)
    head = Content.styled(f"{pad('', 26)} {pad(left.name, column)} {pad(right.name, column)}", "bold")
    lines = [head]
    for path in dict.fromkeys([*first, *second]):
        if first.get(path) != second.get(path):
            values = (pad(_value(values, path), column) for values in (first, second))
            lines.append(Content(f"{pad(path, 26)} {' '.join(values)}"))
    if len(lines) == 1:
        lines.append(Content.styled(_("They give the same settings."), "$text-muted"))
    promises = [f"{preset.name}: {preset.promise}" for preset in (left, right) if preset.promise]
    lines += [Content(""), *(Content.styled(clean(promise), "$text-muted") for promise in promises)]
    return Content("\n").join(lines)


def whole_settings(preset: Preset) -> dict[str, Any]:
    """Every setting that applies under a preset, by dotted path, with defaults where it says nothing."""
    document = WizardDocument().with_preset(preset)
    settings = merge(document.defaults, document.document)
    return {
        setting.path: plain(look_up(settings, setting.path)) for setting in document.applicable if not setting.required
    }


def report(imported: Import) -> Content:
    """What became of every field of an imported preset."""
    lines = []
    for fate, title, mark in _FATES:
        notes = [note for note in imported.notes if note.fate == fate]
        if notes:
            lines.append(Content.styled(f"{title} ({len(notes)})", "bold"))
        for note in notes:
            arrow = f" → {note.new}" if note.new else ""
            why = f"  {note.why}" if note.why else ""
            lines.append(Content.assemble(f"{mark} ", clean(note.old), clean(arrow), (clean(why), "$text-muted")))
    return Content("\n").join(lines) if lines else Content(_("All of its settings are taken over."))


def _value(settings: Mapping[str, Any], path: str) -> str:
    return spell_value(settings[path]) or _("none") if path in settings else "–"
