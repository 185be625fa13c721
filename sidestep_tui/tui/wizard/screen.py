"""The settings wizard: steps at the left, one setting a line, help and memory below. Every key works over any line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from sidestep_tui.config.presets import Preset
from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.wizard import finish, pickers, reviewing
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.help_pane import HelpPane, fact_about
from sidestep_tui.tui.wizard.lookups import Lookups
from sidestep_tui.tui.wizard.memory_bar import MemoryBar
from sidestep_tui.tui.wizard.review import ActionRow
from sidestep_tui.tui.wizard.rows import SettingRow
from sidestep_tui.tui.wizard.settings_panel import SettingsPanel
from sidestep_tui.tui.wizard.start import remember_model, starting_document
from sidestep_tui.tui.wizard.state import EPOCHS, MODEL, WizardState
from sidestep_tui.tui.wizard.step_list import StepList
from sidestep_tui.tui.wizard.values import parse_value


class WizardScreen(SidestepScreen[None]):
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
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", _("Next"), tooltip=_("The next step")),
        Binding("p", "step(-1)", _("Previous"), tooltip=_("The step before")),
        Binding(
            "f", "fit", _("Make it fit"), tooltip=_("Make the cheapest change that lets the run fit into the card")
        ),
        Binding("L", "load", _("Preset"), tooltip=_("Load a preset beneath what you edited")),
        Binding("o", "open_file", _("Config file"), show=False, tooltip=_("Lay a config file beneath what you edited")),
        Binding("m", "models", _("Models"), tooltip=_("Choose among the models here, or download one")),
        Binding("slash", "search", _("Search"), tooltip=_("Find a setting by its name or its help")),
        Binding("a", "advanced", _("Advanced"), tooltip=_("Show or hide the advanced settings")),
        Binding("s", "pick_step", _("Steps"), show=False, tooltip=_("Jump to a step")),
        Binding("e", "epochs", _("Epochs"), show=False, tooltip=_("Take the epochs recommended for so many songs")),
        Binding("down,j", "move(1)", _("Down"), show=False),
        Binding("up,k", "move(-1)", _("Up"), show=False),
    ]
    DEFAULT_CSS = """
    WizardScreen #middle { height: 1fr; }
    WizardScreen #steps { width: auto; height: 100%; }
    WizardScreen #help { height: 5; }
    """

    def __init__(
        self,
        preset: Preset | str | None = None,
        config: Path | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        document = starting_document(preset, config, values)
        self.state = WizardState(document)
        self.state.advanced = any(document.find(path).tier == "advanced" for path in values or ())
        self._untouched = document
        self._step = 0
        self._before_typing: WizardDocument | None = None

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
        await self._show_step()
        lookups = self.query_one(Lookups)
        lookups.look_at_machine()
        lookups.look_for_models()
        lookups.look_at_paths()

    # What is shown

    async def _show_step(self, focus: str | None = None) -> None:
        """Fills the list with the settings of the current step; the cursor goes to the setting at `focus`."""
        steps = self.state.steps()
        self._step = max(0, min(self._step, len(steps)))
        panel = self.query_one(SettingsPanel)
        if self._step == len(steps):
            await panel.show_review(reviewing.review(self.state))
        else:
            step = steps[self._step]
            await panel.show_step(step, f"{step.title} {self._step + 1}/{len(steps) + 1}")
        self._redraw()
        panel.put_cursor(focus)

    def _redraw(self) -> None:
        """Brings rows, marks, help and memory up to the document."""
        self.query_one(SettingsPanel).redraw(self.state.document)
        self.query_one(StepList).show(self.state.step_lines(), self._step)
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
        await self._take(document.edit(setting, parse_value(setting, event.text)), event.row)

    @on(SettingRow.Done)
    def _typed(self) -> None:
        self._before_typing = None
        self.query_one(Lookups).look_at_paths()

    @on(SettingRow.Reset)
    async def _reset(self, event: SettingRow.Reset) -> None:
        await self._take(self.state.document.reset(event.row.setting), event.row)

    async def _take(self, document: WizardDocument, row: SettingRow | None = None) -> None:
        """Makes this the document; the list is filled anew only where other settings apply now."""
        shown = self.query_one(SettingsPanel).settings
        self.state.document = document
        steps = self.state.steps()
        if self._step < len(steps) and list(steps[self._step].fields) == shown:
            self._redraw()
        else:
            await self._show_step(row.setting.path if row else None)
        if self._before_typing is None:
            self.query_one(Lookups).look_at_paths()

    @on(ActionRow.Chosen)
    @work
    async def _act(self, event: ActionRow.Chosen) -> None:
        if await finish.act(self, self.state, event.key):
            await self._show_step(event.key)

    # Where one goes

    async def action_step(self, by: int) -> None:
        """Goes to the next step, or to the one before."""
        await self.action_jump(self._step + by)

    async def action_jump(self, step: int) -> None:
        """Goes to a step by its number."""
        self._step = step
        await self._show_step()

    def action_move(self, by: int) -> None:
        """Moves the cursor a line up or down."""
        self.query_one(SettingsPanel).move_cursor(by)

    @work
    async def action_pick_step(self) -> None:
        """Jumps to a step from a list."""
        step = await pickers.pick_step(self, self.state, self._step)
        if step is not None:
            await self.action_jump(step)

    @work
    async def action_models(self) -> None:
        """Chooses a model of this machine, or downloads one, and keeps it for the next time."""
        path = await pickers.choose_model(self, self.state.found_models or (), self.state.path(MODEL))
        if path is None:
            return
        try:
            remember_model(path)
        except SidestepError as error:
            self.sidestep.tell_error(error)
        await self._take(self.state.document.set_all({MODEL: str(path)}))
        lookups = self.query_one(Lookups)
        lookups.look_at_paths(again=True)
        lookups.look_for_models()

    @work
    async def action_search(self) -> None:
        """Finds a setting and goes to it."""
        path = await pickers.find_setting(self, self.state)
        if path is not None:
            self._step = self.state.step_of(path)
            await self._show_step(path)

    async def action_advanced(self) -> None:
        """Shows or hides the advanced settings; stays in the same section."""
        steps = self.state.steps()
        section = steps[self._step].name if self._step < len(steps) else None
        self.state.advanced = not self.state.advanced
        names = [step.name for step in self.state.steps()]
        self._step = names.index(section) if section in names else len(names) if section is None else self._step
        await self._show_step()

    async def action_fit(self) -> None:
        """Makes the cheapest change that lets the run fit."""
        if self.state.make_it_fit():
            await self._take(self.state.document)

    async def action_epochs(self) -> None:
        """Takes the recommended epochs."""
        epochs = self.state.recommended_epochs()
        if epochs is not None:
            await self._take(self.state.document.set_all({EPOCHS: epochs}))

    @work
    async def action_load(self) -> None:
        """Lets the user choose a preset, and lays it beneath the edits."""
        preset = await pickers.pick_preset(self)
        if preset is not None:
            await self._take(self.state.document.with_preset(preset))
            self.sidestep.tell(_("{name} is loaded; what you edited stays.").format(name=preset.name))

    @work
    async def action_open_file(self) -> None:
        """Asks for a config file, and lays it beneath the edits."""
        document = await pickers.open_config(self, self.state.document)
        if document is not None:
            await self._take(document)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        match action:
            case "fit":
                view = self.query_one(MemoryBar).view if self.is_mounted else None
                return view is not None and view.change is not None
            case "models":
                return self.is_mounted and self.query_one(SettingsPanel).shows(MODEL)
            case "epochs":
                return self.state.recommended_epochs() is not None
            case "step":
                at = self._step + (1 if parameters == (1,) else -1)
                return 0 <= at <= len(self.state.steps())
            case _:
                return True

    def leave_question(self) -> str | None:
        """Edits are lost by leaving."""
        changed = self.state.document.document != self._untouched.document
        return _("Leave without starting? What you edited is not kept.") if changed else None

    def action_back(self) -> None:
        """Leaves the wizard, after a question if something would be lost."""
        question = self.leave_question()
        if question is None:
            super().action_back()
            return
        leave = super().action_back
        self.app.push_screen(ConfirmScreen(question, yes=_("Leave")), lambda yes: leave() if yes else None)

    @on(events.ScreenResume)
    @on(Lookups.Changed)
    async def _refresh_facts(self) -> None:
        if self._step == len(self.state.steps()):
            await self._show_step(self.query_one(SettingsPanel).cursor)
        else:
            self._redraw()

    def on_descendant_focus(self) -> None:
        """The help follows the cursor."""
        self._explain()
