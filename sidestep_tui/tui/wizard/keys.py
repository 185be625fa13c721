"""The wizard's keys: from step to step and setting to setting, and what changes many settings at once."""

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.wizard import pickers
from sidestep_tui.tui.wizard.document import WizardDocument
from sidestep_tui.tui.wizard.lookups import Lookups
from sidestep_tui.tui.wizard.memory_bar import MemoryBar
from sidestep_tui.tui.wizard.settings_panel import SettingsPanel
from sidestep_tui.tui.wizard.start import remember_model
from sidestep_tui.tui.wizard.state import EPOCHS, MODEL, WizardState


class WizardKeys(SidestepScreen[None]):
    """A screen over a wizard's state; `step` is the number of the step that is shown, the review's is the last.

    Args:
        state: the wizard's memory.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", _("Next"), tooltip=_("The next step")),
        Binding("p", "step(-1)", _("Previous"), tooltip=_("The step before")),
        Binding(
            "f", "fit", _("Make it fit"), tooltip=_("Make the cheapest change that lets the run fit into the card")
        ),
        Binding("L", "load", _("Preset"), tooltip=_("Load a preset beneath what you edited")),
        Binding("U", "unload", _("No preset"), show=False, tooltip=_("Take the preset away; what you edited stays")),
        Binding("o", "open_file", _("Config file"), show=False, tooltip=_("Lay a config file beneath what you edited")),
        Binding("m", "models", _("Models"), tooltip=_("Choose among the models here, or download one")),
        Binding("slash", "search", _("Search"), tooltip=_("Find a setting by its name or its help")),
        Binding("a", "advanced", _("Advanced"), tooltip=_("Show or hide the advanced settings")),
        Binding("s", "pick_step", _("Steps"), show=False, tooltip=_("Jump to a step")),
        Binding("e", "epochs", _("Epochs"), show=False, tooltip=_("Take the epochs recommended for so many songs")),
        Binding("i", "whole_help", _("All its help"), show=False, tooltip=_("Read all that is said of the setting")),
        Binding("down,j", "move(1)", _("Down"), show=False),
        Binding("up,k", "move(-1)", _("Up"), show=False),
    ]

    def __init__(self, state: WizardState) -> None:
        super().__init__()
        self.state = state
        self.step = 0

    async def show_step(self, focus: str | None = None) -> None:
        """Shows the step; the cursor goes to the setting, or the action, that `focus` names."""
        raise NotImplementedError

    async def take(self, document: WizardDocument) -> None:
        """Makes this the document."""
        raise NotImplementedError

    async def action_step(self, by: int) -> None:
        """Goes to the next step, or to the one before."""
        await self.action_jump(self.step + by)

    async def action_jump(self, step: int) -> None:
        """Goes to a step by its number."""
        self.step = step
        await self.show_step()

    def action_move(self, by: int) -> None:
        """Moves the cursor a line up or down."""
        self.query_one(SettingsPanel).move_cursor(by)

    @work
    async def action_pick_step(self) -> None:
        """Jumps to a step from a list."""
        step = await pickers.pick_step(self, self.state, self.step)
        if step is not None:
            await self.action_jump(step)

    @work
    async def action_models(self) -> None:
        """Chooses a model of this machine, or downloads one, and keeps it for the next time."""
        known = self.query_one(Lookups).models_known
        if self.state.found_models is None and not await pickers.wait_for_models(self, known):
            return
        path = await pickers.choose_model(self, self.state.found_models or (), self.state.path(MODEL))
        if path is None:
            return
        try:
            remember_model(path)
        except SidestepError as error:
            self.sidestep.tell_error(error)
        await self.take(self.state.document.set_all({MODEL: str(path)}))
        lookups = self.query_one(Lookups)
        lookups.look_at_paths(again=True)
        lookups.look_for_models()

    @work
    async def action_search(self) -> None:
        """Finds a setting and goes to it."""
        path = await pickers.find_setting(self, self.state)
        if path is not None:
            self.step = self.state.step_of(path)
            await self.show_step(path)

    async def action_advanced(self) -> None:
        """Shows or hides the advanced settings; stays in the same section."""
        steps = self.state.steps()
        section = steps[self.step].name if self.step < len(steps) else None
        self.state.advanced = not self.state.advanced
        names = [step.name for step in self.state.steps()]
        self.step = names.index(section) if section in names else len(names) if section is None else self.step
        await self.show_step()

    async def action_fit(self) -> None:
        """Makes the cheapest change that lets the run fit."""
        if self.state.make_it_fit():
            await self.take(self.state.document)

    async def action_epochs(self) -> None:
        """Takes the recommended epochs."""
        epochs = self.state.recommended_epochs()
        if epochs is not None:
            await self.take(self.state.document.set_all({EPOCHS: epochs}))

    @work
    async def action_load(self) -> None:
        """Lets the user choose a preset, and lays it beneath the edits."""
        preset = await pickers.pick_preset(self)
        if preset is None:
            return
        try:
            await self.take(self.state.document.with_preset(preset))
        except SidestepError as error:
            self.sidestep.tell_error(error)
            return
        if self.state.document.heeds_preset() or not preset.settings:
            self.sidestep.tell(_("{name} is loaded; what you edited stays.").format(name=preset.name))
        else:
            told = _("{name} changes nothing: the config file above it, or you, have set all that it sets.")
            self.sidestep.tell(told.format(name=preset.name), "warning")

    async def action_unload(self) -> None:
        """Takes the preset away from beneath the edits."""
        try:
            await self.take(self.state.document.without_preset())
        except SidestepError as error:
            self.sidestep.tell_error(error)

    @work
    async def action_open_file(self) -> None:
        """Asks for a config file, and lays it beneath the edits."""
        document = await pickers.open_config(self, self.state.document)
        if document is not None:
            await self.take(document)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        match action:
            case "fit":
                view = self.query_one(MemoryBar).view if self.is_mounted else None
                return view is not None and view.change is not None
            case "models":
                return self.is_mounted and self.query_one(SettingsPanel).shows(MODEL)
            case "unload":
                return self.state.document.has_preset
            case "epochs":
                return self.state.recommended_epochs() is not None
            case "step":
                at = self.step + (1 if parameters == (1,) else -1)
                return 0 <= at <= len(self.state.steps())
            case _:
                return True
