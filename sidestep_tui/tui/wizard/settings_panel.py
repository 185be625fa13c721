"""The panel in the middle of the wizard: the settings of one step, one a line, or the review."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from sidestep_tui.config.fields import SettingField
from sidestep_tui.texts import _
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.review import ActionRow, Review
from sidestep_tui.tui.wizard.rows import SettingRow
from sidestep_tui.tui.wizard.schema import Step
from sidestep_tui.tui.wizard.views import ReviewView


class _Lines(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The lines. The arrows are the cursor's, also where there is something to scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup,ctrl+u", "page_up", _("Page up"), show=False),
        Binding("pagedown,ctrl+d", "page_down", _("Page down"), show=False),
    ]


class SettingsPanel(Vertical):
    """Holds the lines and knows which of them has the cursor."""

    DEFAULT_CSS = """
    SettingsPanel > #about { height: auto; padding: 0 1; color: $text-muted; }
    SettingsPanel > #rows { height: 1fr; scrollbar-size-vertical: 1; }
    """

    def compose(self) -> ComposeResult:
        """What the step is about, and its lines."""
        yield Static(id="about")
        yield _Lines(id="rows")

    @property
    def settings(self) -> list[SettingField]:
        """The settings that are shown."""
        return [row.setting for row in self.query(SettingRow)]

    @property
    def current(self) -> SettingRow | None:
        """The setting under the cursor; None in the review."""
        return next((row for row in self.query(SettingRow) if row.has_focus or row.has_focus_within), None)

    @property
    def cursor(self) -> str | None:
        """The path of the setting, or the key of the action, that has the cursor."""
        return next((_name(line) for line in self._lines() if line.has_focus or line.has_focus_within), None)

    def shows(self, path: str) -> bool:
        """Whether the setting at a dotted path is among those that are shown."""
        return any(setting.path == path for setting in self.settings)

    async def show_step(self, step: Step, title: str) -> None:
        """Fills the panel with the settings of a step."""
        self.border_title = title
        self.query_one("#about", Static).update(Content(step.about.splitlines()[0]))
        await self._fill([SettingRow(setting) for setting in step.fields], about=True)

    async def show_review(self, view: ReviewView) -> None:
        """Fills the panel with the review, unless it is there as it is: somebody may read further down."""
        self.border_title = _("Review")
        if not any(shown.view == view for shown in self.query(Review)):
            await self._fill([Review(view)], about=False)

    async def _fill(self, lines: list[SettingRow] | list[Review], *, about: bool) -> None:
        self.query_one("#about").display = about
        rows = self.query_one("#rows", VerticalScroll)
        await rows.remove_children()
        await rows.mount_all(lines)

    def redraw(self, document: WizardDocument) -> None:
        """Brings every line up to the document."""
        for row in self.query(SettingRow):
            row.show(document)

    def put_cursor(self, name: str | None) -> None:
        """Moves the cursor to a setting by its path, to an action by its key, or to the first line."""
        lines = self._lines()
        wanted = [line for line in lines if _name(line) == name]
        for line in (wanted or lines)[:1]:
            self.screen.set_focus(line)

    def move_cursor(self, by: int) -> None:
        """Moves the cursor so many lines down; below the last one lies what can only be read, and is scrolled."""
        lines = self._lines()
        focused = self.screen.focused  # what has the focus is told of it later
        at = next((index for index, line in enumerate(lines) if focused and line in focused.ancestors_with_self), 0)
        if at + by >= len(lines):
            self.query_one("#rows", VerticalScroll).scroll_relative(y=by, animate=False)
        elif lines:
            # Not by `focus`, which waits its turn: the next of two keys would start from where the first one did.
            self.screen.set_focus(lines[max(0, min(at + by, len(lines) - 1))])

    def _lines(self) -> list[SettingRow | ActionRow]:
        return [line for line in self.query("SettingRow, ActionRow") if isinstance(line, SettingRow | ActionRow)]


def _name(line: SettingRow | ActionRow) -> str:
    return line.setting.path if isinstance(line, SettingRow) else line.action.key
