"""What the three columns of a setting's line show: its name with a mark, its value, and where the value comes from."""

from typing import Final

from textual.content import Content

from sidestep_tui.config.fields import SettingField
from sidestep_tui.texts import _
from sidestep_tui.tui.text import clean, shorten, shorten_middle
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.schema import EDITED
from sidestep_tui.tui.wizard.values import spell_value
from sidestep_tui.tui.wizard.views import origin_words
from sidestep_tui.tui.words import unit

EMPTY: Final = "–"
_NARROWEST_PATH: Final = 8
"""Cells of a path on a line that has no width yet."""


def name_face(setting: SettingField, document: WizardDocument) -> Content:
    """The name within its section; `!` marks a value that is refused, `○` one that must still be given."""
    mark = "!" if document.error(setting) else "○" if document.is_missing(setting) else " "
    label = setting.path.removeprefix(f"{setting.section}.").replace("_", " ").replace(".", " · ")
    return Content.styled(f"{mark} {label}", _style(setting, document))


def value_face(setting: SettingField, document: WizardDocument, width: int) -> Content:
    """The value in the form of its kind; a path is shortened to the width."""
    shown, style = clean(spell_value(document.shown(setting))), _style(setting, document)
    match setting.kind:
        case "choice" if shown:
            return Content.assemble(("‹ ", "$text-muted"), (shown, style), (" ›", "$text-muted"))
        case "flag":
            return Content.styled(_("[x] on") if shown == "on" else _("[ ] off"), style)
        case "path":
            return Content.styled(shorten_middle(shown, max(_NARROWEST_PATH, width)) or EMPTY, style)
        case _:
            if not shown:
                return Content.styled(_(setting.empty) if setting.empty else EMPTY, style)
            counted = f" {unit(setting.unit, shown)}" if setting.unit else ""
            return Content.assemble((shown, style), (counted, "$text-muted"))


def origin_face(setting: SettingField, document: WizardDocument, width: int) -> Content:
    """Where the value comes from; `needed` where there is none yet."""
    origin = document.origin(setting) or _("needed")
    style = "$text-accent" if origin == EDITED else "$text-warning" if document.is_missing(setting) else ""
    return Content.styled(shorten(clean(origin_words(origin)), width), style)


def _style(setting: SettingField, document: WizardDocument) -> str:
    return "$text-error" if document.error(setting) else "$text-warning" if document.is_missing(setting) else ""
