"""Taking a preset in: paste it or name its file, then see what became of each field before it is kept."""

from typing import ClassVar, Final

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static, TextArea

from sidestep_tui.config.presets.importing import UNNAMED, Import, import_given
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.leaving import Dialog
from sidestep_tui.tui.presets.describe import report
from sidestep_tui.tui.text import literal
from sidestep_tui.tui.widgets.scroll import KeyScroll

_REPORT_WIDTH: Final = 61
"""Cells that a dialog has for it, beside a scroll bar."""

_LONG_PROBLEM: Final = 150
"""Cells of a text that may need more than three lines: the box gives it some of its own."""


class PasteScreen(Dialog[Import | None]):
    """Takes the text of a preset, or the name of a file, until it can be read or the user leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s,f2", "take", _("Import"), priority=True),
        Binding("escape", "dismiss(None)", _("Back"), priority=True),
    ]
    DEFAULT_CSS = """
    PasteScreen TextArea, PasteScreen TextArea:focus {
        height: 7; border: none; background: $background; margin-bottom: 1;
    }
    PasteScreen .problem { color: $text-error; height: auto; max-height: 3; margin-bottom: 1; display: none; }
    PasteScreen.-long-problem TextArea, PasteScreen.-long-problem TextArea:focus { height: 4; }
    PasteScreen.-long-problem .problem { max-height: 6; }
    """

    def compose(self) -> ComposeResult:
        """A box to paste into."""
        with Vertical(classes="dialog"):
            yield Static(_("[b]Import a preset[/b]"), classes="dialog-title")
            yield Static(_("Paste its JSON here, or type the name of its file."), classes="dialog-line")
            yield TextArea(show_line_numbers=False)
            yield Static(classes="problem")
            yield Static(_("[b $footer-key-foreground]ctrl+s[/] import    [b $footer-key-foreground]escape[/] back"))

    def action_take(self) -> None:
        """Closes with what was read; what keeps it from being read is shown, and the text stays."""
        text = self.query_one(TextArea).text.strip()
        if not text:
            self.dismiss(None)
            return
        try:
            self.dismiss(import_given(text))
        except SidestepError as error:
            problem = self.query_one(".problem", Static)
            words = f"! {spoken(error.what)} {_('Fix: {fix}').format(fix=spoken(error.fix or ''))}"
            problem.update(literal(words))
            self.set_class(cell_len(words) > _LONG_PROBLEM, "-long-problem")
            problem.display = True


class ReportScreen(Dialog[bool]):
    """Shows what became of an imported preset; `y` keeps it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "dismiss(True)", _("Keep it")),
        Binding("n,escape,q", "dismiss(False)", _("No")),
    ]
    DEFAULT_CSS = """
    ReportScreen KeyScroll { height: auto; max-height: 13; margin-bottom: 1; }
    """

    def __init__(self, imported: Import) -> None:
        super().__init__()
        self._imported = imported

    def compose(self) -> ComposeResult:
        """The report and the question."""
        with Vertical(classes="dialog"):
            yield Static(literal(self._question(), "bold"), classes="dialog-title")
            with KeyScroll():
                yield Static(report(self._imported, _REPORT_WIDTH))
            yield Static(
                _("[b $footer-key-foreground]y[/] keep it among your presets    [b $footer-key-foreground]n[/] no")
            )

    def _question(self) -> str:
        name = self._imported.preset.name
        return _("Keep this preset?") if name == UNNAMED else _("Keep this preset as {name}?").format(name=name)
