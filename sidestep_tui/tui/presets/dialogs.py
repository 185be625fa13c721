"""Taking a preset in: paste it or name its file, then see what became of each field before it is kept."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from sidestep_tui.config.preset_import import Import
from sidestep_tui.texts import _
from sidestep_tui.tui.presets.describe import report
from sidestep_tui.tui.text import literal
from sidestep_tui.tui.widgets.scroll import KeyScroll


class PasteScreen(ModalScreen[str | None]):
    """Takes the text of a preset, or the name of a file."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,f2", "take", _("Import"), priority=True),
        Binding("escape", "dismiss(None)", _("Back"), priority=True),
    ]
    DEFAULT_CSS = """
    PasteScreen TextArea, PasteScreen TextArea:focus {
        height: 10; border: none; background: $background; margin-bottom: 1;
    }
    """

    def compose(self) -> ComposeResult:
        """A box to paste into."""
        with Vertical(classes="dialog"):
            yield Static(_("[b]Import a preset[/b]"), classes="dialog-title")
            yield Static(_("Paste its JSON here, or type the name of its file."), classes="dialog-line")
            yield TextArea(show_line_numbers=False)
            yield Static(_("[b $footer-key-foreground]ctrl+s[/] import    [b $footer-key-foreground]escape[/] back"))

    def action_take(self) -> None:
        """Closes with the text."""
        self.dismiss(self.query_one(TextArea).text.strip() or None)


class ReportScreen(ModalScreen[bool]):
    """Shows what became of an imported preset; `y` keeps it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", _("Keep it")),
        Binding("n,escape,q", "dismiss(False)", _("No")),
    ]
    DEFAULT_CSS = """
    ReportScreen .dialog { width: 90; }
    ReportScreen KeyScroll { height: auto; max-height: 14; margin-bottom: 1; }
    """

    def __init__(self, imported: Import) -> None:
        super().__init__()
        self._imported = imported

    def compose(self) -> ComposeResult:
        """The report and the question."""
        with Vertical(classes="dialog"):
            yield Static(
                literal(_("Import {name}?").format(name=self._imported.preset.name), "bold"), classes="dialog-title"
            )
            with KeyScroll():
                yield Static(report(self._imported))
            yield Static(
                _("[b $footer-key-foreground]y[/] keep it among your presets    [b $footer-key-foreground]n[/] no")
            )
