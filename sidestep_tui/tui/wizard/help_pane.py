"""The lines below the list: what the setting under the cursor is, what it takes, and what is wrong with it.

A long help is cut there, and says with which key all of it is read.
"""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from sidestep_tui.config.fields import SettingField
from sidestep_tui.texts import _
from sidestep_tui.tui.leaving import Dialog
from sidestep_tui.tui.text import clean
from sidestep_tui.tui.widgets.scroll import KeyScroll
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.state import EPOCHS, MODEL, SONGS, WizardState
from sidestep_tui.tui.wizard.values import allowed, spell_value


class HelpPane(Static):
    """Help, bounds and default of one setting; its error, or a fact about its value, in the last line."""

    DEFAULT_CSS = """
    HelpPane { height: 5; padding: 0 1; }
    """

    def render(self) -> Content:
        """As much of it as there is room for; where that is not all, the last line says so."""
        whole = self.content if isinstance(self.content, Content) else Content("")
        width, height = self.content_size
        lines = whole.wrap(width) if width and height else []
        if len(lines) <= height:
            return whole
        key, words = ("i", "bold $footer-key-foreground"), (_("shows all of it"), "$text-muted")
        way_on = Content.assemble(" … ", key, " ", words)
        last = lines[height - 1].rstrip().truncate(max(0, width - way_on.cell_length))
        return Content("\n").join([*lines[: height - 1], last + way_on])

    def show(self, setting: SettingField, document: WizardDocument, fact: Content | None = None) -> None:
        """Describes the setting as it stands in the document."""
        default = spell_value(document.default(setting))
        bounds = " · ".join(
            part
            for part in (
                allowed(setting),
                _("default {default}").format(default=default) if default and not setting.required else "",
            )
            if part
        )
        head = Content.assemble((setting.path, "bold"), "  ", (clean(bounds), "$text-muted"))
        lines = [head]
        if error := document.error(setting):
            lines.append(Content.styled(f"! {clean(error)}", "bold $text-error"))
        elif fact is not None:
            lines.append(fact)
        lines.append(Content(clean(_(setting.help))))
        self.update(Content("\n").join(lines))

    def say(self, text: str) -> None:
        """Shows a plain text, for rows that are no settings."""
        self.update(Content.styled(text, "$text-muted"))


class WholeHelpScreen(Dialog[None]):
    """All that is said of a setting, in a box that scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,q,i", "dismiss", _("Close"))]
    DEFAULT_CSS = """
    WholeHelpScreen KeyScroll { height: auto; max-height: 50vh; margin-bottom: 1; }
    """

    def __init__(self, told: Content) -> None:
        super().__init__()
        self._told = told

    def compose(self) -> ComposeResult:
        """The text and the way out."""
        with Vertical(classes="dialog"):
            with KeyScroll():
                yield Static(self._told)
            yield Static(_("[b $footer-key-foreground]esc[/] Close"))


def fact_about(path: str, state: WizardState) -> Content | None:
    """What is known about the value of a setting; None where there is nothing to tell."""
    if (conflict := state.conflicts().get(path)) is not None:
        return Content.styled(f"! {clean(conflict)}", "bold $text-error")
    if path == MODEL and state.model:
        return Content.styled(f"✓ {state.model.title}", "$text-success")
    if path == MODEL and (words := state.models_words()):
        key = ("m", "bold $footer-key-foreground")
        return Content.assemble((f"{words}: ", "bold"), key, _(" lists what there is"))
    if path == SONGS and state.data:
        return Content.styled(f"✓ {state.data.title}", "$text-success")
    if path == SONGS and state.path(SONGS) is None:
        return Content.styled(_("A folder of songs will do as well: they are encoded first"), "bold")
    if path == EPOCHS and (epochs := state.recommended_epochs()):
        key = ("e", "bold $footer-key-foreground")
        return Content.assemble(
            _("{epochs} are usual for so many songs: ").format(epochs=epochs), key, _(" takes them")
        )
    return None
