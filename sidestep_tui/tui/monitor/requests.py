"""The monitor's keys that ask the engine for something: save, sample, validate, pause, stop, learning rate, resume."""

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from sidestep_tui.config.layers import problems_of
from sidestep_tui.config.optimisation import OptimizerSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs import control
from sidestep_tui.runs.chains import Wait, wait_of
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.confirm import stop_question
from sidestep_tui.tui.longer import LONGER_KEY, can_train_longer, lengthened
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.starting import start_engine
from sidestep_tui.tui.wizard.dialogs import AskScreen
from sidestep_tui.tui.words import word


class EngineKeys(SidestepScreen[None]):
    """A screen about one run, with the keys that steer its engine.

    Args:
        run: its directory.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "send('save')", _("Save"), tooltip=_("Write a checkpoint now")),
        Binding("m", "send('sample')", _("Sample"), tooltip=_("Generate the run's sample songs now")),
        Binding("v", "send('validate')", _("Validate"), tooltip=_("Measure the held-out songs now")),
        Binding(
            "e", "rate", _("Learning rate"), show=False, tooltip=_("Change the peak learning rate while it trains")
        ),
        Binding("p", "pause", _("Pause"), tooltip=_("Pause after this step")),
        Binding("p", "go_on", _("Go on"), tooltip=_("Go on after a pause")),
        Binding("x", "stop", _("Stop"), tooltip=_("Save and stop (asks first)")),
        Binding("r", "resume", _("Resume"), tooltip=_("Continue the run after what it has saved, or start it")),
        LONGER_KEY,
    ]

    def __init__(self, run: RunDirectory) -> None:
        super().__init__()
        self.run = run
        self.job = run.job()
        self.summary: RunSummary | None = None
        self.wait = Wait()

    def look_at_queues(self, summary: RunSummary) -> bool:
        """Keeps what the run waits for where a queue starts it by itself; whether that is new. Reads files."""
        known, self.wait = self.wait, wait_of(summary)
        return known != self.wait

    def action_send(self, name: str, **arguments: str) -> None:
        """Asks the engine for something; it answers with an event."""
        try:
            control.send_command(self.run, name, arguments)
        except SidestepError as error:
            self.sidestep.tell_error(error)
        else:
            asked = _("Asked the engine: {name}.")
            if self.summary is not None and self.summary.state.is_compiling:
                asked = _("Asked the engine: {name}. It answers when its blocks are compiled, in a minute or so.")
            settings = (f"{path}={value}" for path, value in arguments.items())
            self.sidestep.tell(asked.format(name=" ".join((word(name), *settings))))

    def action_pause(self) -> None:
        """Asks the engine to wait after its step."""
        self.action_send("pause")

    def action_go_on(self) -> None:
        """Ends a pause."""
        self.action_send("resume")

    @work
    async def action_rate(self) -> None:
        """Asks for a peak learning rate and sends it."""
        try:
            settings = self.run.settings()
        except SidestepError as error:  # the run is of another version
            self.sidestep.tell_error(error)
            return
        if not isinstance(settings, TrainSettings):
            return
        note = _("The new peak: the schedule goes on from the next step, with its shape, and so do later checkpoints.")
        current = f"{self._peak(settings):g}"
        rate = await self.app.push_screen_wait(AskScreen(_("Learning rate"), current, check=rate_problem, note=note))
        if rate:
            self.action_send("set", **{control.LEARNING_RATE: rate.strip()})

    @work
    async def action_stop(self) -> None:
        """Asks, then asks the engine."""
        if await self.app.push_screen_wait(stop_question(self.run.name, self.job)):
            self.action_send("stop")

    @work(thread=True, group="launch")
    def action_resume(self) -> None:
        """Starts the engine again."""
        start_engine(self.sidestep, self.run)

    @work
    async def action_longer(self) -> None:
        """Asks how far the run is to go, then starts its engine."""
        if self.summary is not None and await lengthened(self, self.summary):
            self.action_resume()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        living = self.summary is not None and self.summary.condition == "running"
        match action:
            case "send":
                return living and self.job == "train" and parameters[0] in control.COMMANDS
            case "pause" | "go_on":
                paused = self.summary is not None and self.summary.state.is_paused
                return living and self.job == "train" and paused == (action == "go_on")
            case "rate":
                return living and self.job == "train"
            case "stop":
                return living
            case "resume":
                free = self.summary is not None and self.summary.condition not in ("running", "completed")
                return free and self.wait.after is None
            case "longer":
                return can_train_longer(self.summary)
            case _:
                return super().check_action(action, parameters)

    def _peak(self, settings: TrainSettings) -> float:
        """The peak that holds now: the last one that was set, or the run's own."""
        for command in reversed(self.summary.state.commands if self.summary else ()):
            value = command.arguments.get(control.LEARNING_RATE, "")
            if command.command == "set" and rate_problem(value) is None:
                return float(value)
        return settings.optimizer.peak_rate


def rate_problem(text: str) -> str | None:
    """Why a text cannot be a learning rate; None where it can."""
    if not text.strip():
        return _("type a number, for instance 5e-5")
    problems = problems_of(OptimizerSettings, {"learning_rate": text.strip()})
    return spoken(problems[0].message) if problems else None
