"""Home's keys for one run's engine and files: continue it, let it train longer, stop it, delete it."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import Binding, BindingType

from sidestep_tui.errors import SidestepError
from sidestep_tui.texts import _
from sidestep_tui.tui.confirm import ConfirmScreen, stop_question
from sidestep_tui.tui.figures import size
from sidestep_tui.tui.longer import LONGER_KEY, can_train_longer, lengthened
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.starting import start_engine

if TYPE_CHECKING:
    from sidestep_tui.runs.history import RunSummary


class RunKeys(SidestepScreen[None]):
    """A list of runs whose engines are started and stopped. What the keys need is imported when they are pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "resume", _("Resume"), tooltip=_("Continue the run after what it has saved, or start it")),
        LONGER_KEY,
        Binding("s", "stop", _("Stop"), tooltip=_("Ask the engine to save and stop (asks first)")),
        Binding("d", "delete", _("Delete"), tooltip=_("Delete the run with all of its files (asks first)")),
    ]

    def current(self) -> "RunSummary | None":
        """The run under the cursor."""
        raise NotImplementedError

    def runs_changed(self) -> None:
        """Looks at the runs again."""
        raise NotImplementedError

    def action_resume(self) -> None:
        """Starts the engine of the run under the cursor."""
        if run := self.current():
            self._launch(run)

    @work
    async def action_longer(self) -> None:
        """Asks how far the run is to go, then starts its engine."""
        run = self.current()
        if run is not None and await lengthened(self, run):
            self._launch(run)

    @work(thread=True, group="launch")
    def _launch(self, run: "RunSummary") -> None:
        if start_engine(self.sidestep, run.run):
            self.app.call_from_thread(self._watch, run)

    def _watch(self, run: "RunSummary") -> None:
        """Opens the monitor, unless somebody does something else by now: the keys would reach the wrong screen."""
        if self.app.screen is self:
            self.sidestep.open("monitor", run=run.run)

    @work
    async def action_stop(self) -> None:
        """Asks, then asks the engine."""
        from sidestep_tui.runs.control import send_command

        run = self.current()
        if run is None or not await self.app.push_screen_wait(stop_question(run.run.name, run.job)):
            return
        try:
            send_command(run.run, "stop")
        except SidestepError as error:
            self.sidestep.tell_error(error)
        else:
            self.sidestep.tell(_("{name} finishes its step and stops.").format(name=run.run.name))

    @work
    async def action_delete(self) -> None:
        """Says what would go and how much it is, asks, then deletes."""
        from sidestep_tui.runs.removal import disk_used, remove_run

        run = self.current()
        if run is None:
            return
        held = await asyncio.to_thread(disk_used, run.run)
        detail = _("{path}\n{held}: settings, events, checkpoints, adapters and samples. There is no way back.").format(
            path=run.run.path, held=size(held)
        )
        question = _("Delete the run {name}?").format(name=run.run.name)
        if not await self.app.push_screen_wait(ConfirmScreen(question, detail, yes=_("Delete it"), danger=True)):
            return
        try:
            await asyncio.to_thread(remove_run, run.run)
        except SidestepError as error:
            self.sidestep.tell_error(error)
        else:
            self.sidestep.tell(
                _("{name} is deleted: {held} are free again.").format(name=run.run.name, held=size(held))
            )
        self.runs_changed()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        run = self.current()
        match action:
            case "resume":
                return run is not None and run.condition in ("interrupted", "stopped", "failed", "waiting")
            case "longer":
                return can_train_longer(run)
            case "stop":
                return run is not None and run.condition == "running"
            case "delete":
                return run is not None and run.condition != "running"
            case _:
                return super().check_action(action, parameters)
