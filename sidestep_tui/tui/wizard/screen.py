"""The settings wizard: steps at the left, one setting a line, help and memory below. Every key works over any line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen

from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.texts import _
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.wizard import finish, reviewing
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.help_pane import HelpPane, WholeHelpScreen, fact_about
from sidestep_tui.tui.wizard.keys import WizardKeys
from sidestep_tui.tui.wizard.lookups import Lookups
from sidestep_tui.tui.wizard.memory_bar import MemoryBar
from sidestep_tui.tui.wizard.review import ActionRow
from sidestep_tui.tui.wizard.rows import SettingRow
from sidestep_tui.tui.wizard.settings_panel import SettingsPanel
from sidestep_tui.tui.wizard.start import starting_document
from sidestep_tui.tui.wizard.state import WizardState
from sidestep_tui.tui.wizard.step_list import StepList
from sidestep_tui.tui.wizard.values import parse_value


class WizardScreen(WizardKeys):
    """Sets up a training run.

    Args:
        preset: a preset to start from, or its name.
        config: a config file to start from, for instance that of a run that is repeated with changes.
        values: edits to begin with, by dotted path.
    """

    HEADING = _("Train an adapter")
    ABOUT = _(
        "Every setting of a training run, step by step. Nothing is lost by going back, and nothing starts before the "
        "last step. Values are checked as you type."
    )
    HORIZONTAL_BREAKPOINTS = [(0, "-slim"), (60, "-alone"), (80, "-narrow"), (100, "-wide")]  # noqa: RUF012
    DEFAULT_CSS = """
    WizardScreen #middle { height: 1fr; }
    WizardScreen #steps { width: auto; height: 100%; }
    WizardScreen.-slim #steps, WizardScreen.-alone #steps { display: none; }
    WizardScreen #help { height: 5; }
    """

    def __init__(
        self,
        preset: Preset | str | None = None,
        config: Path | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        document = starting_document(preset, config, values)
        advanced = any(document.find(path).tier == "advanced" for path in values or ())
        super().__init__(WizardState(document, advanced=advanced))
        self._untouched = document
        self._before_typing: WizardDocument | None = None
        self._was_covered = False
        self._is_acting = False

    def compose_body(self) -> ComposeResult:
        """Steps, settings, help, memory."""
        with Horizontal(id="middle"):
            with Vertical(classes="panel", id="steps") as steps:
                steps.border_title = _("Steps")
                yield StepList()
            yield SettingsPanel(classes="panel", id="settings")
        yield HelpPane(id="help")
        yield MemoryBar()
        yield Lookups(self.state)

    async def on_mount(self) -> None:
        """Shows the first step and looks at the machine."""
        await self.show_step()
        lookups = self.query_one(Lookups)
        lookups.look_at_machine()
        lookups.look_for_models()
        lookups.look_at_paths()

    # What is shown

    async def show_step(self, focus: str | None = None) -> None:
        """Fills the list with the settings of the current step; the cursor goes to the setting at `focus`."""
        steps = self.state.steps()
        self.step = max(0, min(self.step, len(steps)))
        panel = self.query_one(SettingsPanel)
        self._before_typing = None  # a line that is being typed goes with the others, and what it holds is taken
        if self.step == len(steps):
            await panel.show_review(reviewing.review(self.state))
        else:
            step = steps[self.step]
            await panel.show_step(step, f"{step.title} {self.step + 1}/{len(steps) + 1}")
        self._redraw()
        panel.put_cursor(focus)

    def _redraw(self) -> None:
        """Brings rows, marks, help and memory up to the document."""
        self.query_one(SettingsPanel).redraw(self.state.document)
        self.query_one(StepList).show(self.state.step_lines(), self.step)
        self.query_one(MemoryBar).view = self.state.memory()
        self._explain()
        self.set_context(self.state.model.title if self.state.model else "")
        self.refresh_bindings()

    def _explain(self) -> None:
        """Describes the setting under the cursor."""
        row, pane = self.query_one(SettingsPanel).current, self.query_one(HelpPane)
        if row is None:
            pane.say(_("Enter does what is marked. Earlier steps keep everything: p goes back, s jumps."))
        else:
            pane.show(row.setting, self.state.document, fact_about(row.setting.path, self.state))

    def action_whole_help(self) -> None:
        """Shows all that is said of the setting under the cursor."""
        told = self.query_one(HelpPane).content
        if isinstance(told, Content):
            self.app.push_screen(WholeHelpScreen(told))

    # What is edited

    @on(SettingRow.Changed)
    async def _edit(self, event: SettingRow.Changed) -> None:
        setting = event.row.setting
        if not event.row.editing:
            self._before_typing = None
        elif self._before_typing is None:
            self._before_typing = self.state.document
        # Half-typed values are looked at from where typing began: `64` on the way to `640` is no edit of its own.
        document = self._before_typing or self.state.document
        await self.take(document.edit(setting, parse_value(setting, event.text)), event.row)

    @on(SettingRow.Done)
    async def _typed(self) -> None:
        self._before_typing = None
        await self._update()
        self.query_one(Lookups).look_at_paths()

    @on(SettingRow.Reset)
    async def _reset(self, event: SettingRow.Reset) -> None:
        await self.take(self.state.document.reset(event.row.setting), event.row)

    async def take(self, document: WizardDocument, row: SettingRow | None = None) -> None:
        """Makes this the document. `row` is the setting that was changed, which keeps the cursor."""
        self.state.document = document
        if row is not None and row.editing:  # other lines may be needed now, which would take this one away
            self._redraw()
        else:
            await self._update(row.setting.path if row else None)
        if self._before_typing is None:
            self.query_one(Lookups).look_at_paths()

    async def _update(self, focus: str | None = None) -> None:
        """Shows what has changed; the list is filled anew only where other settings apply now."""
        panel, steps = self.query_one(SettingsPanel), self.state.steps()
        if self.step < len(steps) and list(steps[self.step].fields) == panel.settings:
            self._redraw()
        else:
            await self.show_step(focus or panel.cursor)

    @on(ActionRow.Chosen)
    def _choose(self, event: ActionRow.Chosen) -> None:
        if not self._is_acting:  # enter was pressed twice in haste
            self._is_acting = True
            self._act(event.key)

    @work
    async def _act(self, key: str) -> None:
        try:
            if await finish.act(self, self.state, key):
                await self.show_step(key)
        finally:
            self._is_acting = False

    def leave_question(self) -> str | None:
        """Edits are lost by leaving, unless they are being started."""
        changed = self.state.document.document != self._untouched.document and not self._is_acting
        return _("Leave without starting? What you edited is not kept.") if changed else None

    def action_back(self) -> None:
        """Leaves the wizard, after a question if something would be lost."""
        question = self.leave_question()
        if question is None:
            super().action_back()
            return
        leave = super().action_back
        self.app.push_screen(ConfirmScreen(question, yes=_("Leave")), lambda yes: leave() if yes else None)

    def on_screen_suspend(self) -> None:
        """Under another full screen, a monitor's for instance, things may happen; under a question nothing does."""
        self._was_covered = not isinstance(self.app.screen, ModalScreen)

    @on(events.ScreenResume)
    async def _look_again(self) -> None:
        if self._was_covered:
            self._was_covered = False
            self.query_one(Lookups).look_at_machine()
        await self._refresh_facts()

    @on(Lookups.Changed)
    async def _refresh_facts(self) -> None:
        if self.step == len(self.state.steps()):
            await self.show_step(self.query_one(SettingsPanel).cursor)
        else:
            self._redraw()

    def on_descendant_focus(self) -> None:
        """The help follows the cursor."""
        self._explain()
