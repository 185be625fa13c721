"""Home's keys for the history: find, sort, note, compare, run again with changes, put into the queue."""

from typing import TYPE_CHECKING, ClassVar, Final

from textual import work
from textual.binding import Binding, BindingType

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.words import word

if TYPE_CHECKING:
    from sidestep_tui.runs.history import RunSummary

_ANY_PROMPT: Final = "a song"
"""For the model, whose language is English."""


class HistoryKeys(SidestepScreen[None]):
    """A list of runs that can be searched and sorted. What the keys need is imported when they are pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "find", _("Find"), tooltip=_("Show only runs with these words")),
        Binding("o", "order", _("Order"), show=False, tooltip=_("Sort by age, name, condition, loss or disk used")),
        Binding("e", "again", _("Again"), show=False, tooltip=_("Run again with changes, in the wizard")),
        Binding("c", "compare", _("Compare"), show=False, tooltip=_("Curves and settings beside another run")),
        Binding("N", "note", _("Note"), show=False, tooltip=_("Write a note on the run")),
        Binding("y", "hear", _("Hear it"), show=False, tooltip=_("The command that makes a song with the adapter")),
        Binding("a", "enqueue", _("To the queue"), show=False, tooltip=_("Let the run wait in the queue")),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.all_runs: list[RunSummary] = []
        self.notes: dict[str, str] = {}
        self.held: dict[str, int] = {}
        self.words = ""
        self.order = "newest"

    def current(self) -> "RunSummary | None":
        """The run under the cursor."""
        raise NotImplementedError

    def show_runs(self) -> None:
        """Shows the runs that fit, in their order."""
        raise NotImplementedError

    @work
    async def action_find(self) -> None:
        """Asks for words."""
        from sidestep_tui.tui.wizard.dialogs import AskScreen

        words = await self.app.push_screen_wait(
            AskScreen(_("Find runs"), self.words, note=_("nothing shows all of them"))
        )
        if words is not None:
            self.words = words
            self.show_runs()

    def action_order(self) -> None:
        """The next order."""
        from sidestep_tui.tui.home.arrange import ORDERS

        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        self.show_runs()

    def action_again(self) -> None:
        """Opens the wizard with the settings of the run."""
        run = self.current()
        if run is None:
            return
        try:
            self.sidestep.open("wizard", config=run.run.config_file)
        except SidestepError as error:
            self.sidestep.tell_error(error)

    @work
    async def action_compare(self) -> None:
        """Asks with which run, and shows both."""
        from sidestep_tui.tui.home.compare_screen import CompareScreen
        from sidestep_tui.tui.wizard.dialogs import Choice, PickScreen

        run = self.current()
        others = [other for other in self.all_runs if run is not None and other.run != run.run and other.job == run.job]
        if run is None or not others:
            self.sidestep.tell(_("There is no other run of this kind."), "warning")
            return
        choices = [Choice(str(other.run.path), other.run.name, word(other.condition)) for other in others]
        chosen = await self.app.push_screen_wait(
            PickScreen(_("Compare {name} with").format(name=run.run.name), choices)
        )
        other = next((other for other in others if str(other.run.path) == chosen), None)
        if other is not None:
            self.app.push_screen(CompareScreen(run, other))

    @work
    async def action_note(self) -> None:
        """Asks for a note and keeps it beside the run."""
        from sidestep_tui.runs.notes import read_note, write_note
        from sidestep_tui.tui.wizard.dialogs import AskScreen

        run = self.current()
        if run is None:
            return
        text = await self.app.push_screen_wait(
            AskScreen(_("Note on {name}").format(name=run.run.name), read_note(run.run))
        )
        if text is None:
            return
        try:
            write_note(run.run, text)
        except SidestepError as error:
            self.sidestep.tell_error(error)
        else:
            self.notes[str(run.run.path)] = text.strip()
            self.show_runs()

    def action_hear(self) -> None:
        """Shows and copies the command that makes a song with the run's adapter."""
        from sidestep_tui.config.train import TrainSettings
        from sidestep_tui.tui.line_screen import LineScreen
        from sidestep_tui.tui.wizard.command import generate_command

        run = self.current()
        try:
            settings = run.run.settings() if run is not None else None
        except SidestepError as error:
            self.sidestep.tell_error(error)
            return
        if run is not None and isinstance(settings, TrainSettings):
            model = settings.model.model_dump(mode="json", exclude_defaults=True)
            prompt = next(iter(settings.samples.prompts.splitlines()), "") or _ANY_PROMPT
            line = generate_command(model, run.run.final, prompt)
            self.app.push_screen(LineScreen(_("Type this in a shell; the prompt is yours to change"), line))

    def action_enqueue(self) -> None:
        """Puts the run under the cursor at the end of the queue."""
        if run := self.current():
            self._enqueue(run)

    @work(thread=True, group="queue")
    def _enqueue(self, run: "RunSummary") -> None:
        from sidestep_tui.runs import standing

        try:
            standing.add(run.run)
            standing.ensure_worker()
        except SidestepError as error:
            self.app.call_from_thread(self.sidestep.tell_error, error)
        else:
            self.app.call_from_thread(
                self.sidestep.tell, _("{name} waits in the queue: u shows it.").format(name=run.run.name)
            )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        run = self.current()
        match action:
            case "find" | "order":
                return bool(self.all_runs)
            case "note" | "compare":
                return run is not None
            case "again":
                return run is not None and run.job == "train"
            case "hear":
                return run is not None and run.job == "train" and run.condition == "completed"
            case "enqueue":
                return run is not None and run.condition in ("waiting", "interrupted", "stopped")
            case _:
                return super().check_action(action, parameters)
