"""The queue's key for a chain that has ended before its last run: it goes on where it was."""

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.chains import Chain
from sidestep_tui.runs.queue import resume_queue
from sidestep_tui.texts import _
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.wizard.dialogs import Choice, PickScreen
from sidestep_tui.tui.words import word


class ChainKeys(SidestepScreen[None]):
    """A screen that tells of chains."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "go_on", _("Go on"), tooltip=_("Let a chain go on that has ended before its last run")),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.chains: list[Chain] = []

    def look_again(self) -> None:
        """Reads the queue and the chains anew."""
        raise NotImplementedError

    @work
    async def action_go_on(self) -> None:
        """Starts the process of such a chain again; asks of which, where there are several."""
        ended = {str(chain.file): chain for chain in self.chains if not chain.working}
        chosen = next(iter(ended), None)
        if len(ended) > 1:
            choices = [Choice(file, _name(chain), word(chain.left[0].condition)) for file, chain in ended.items()]
            chosen = await self.app.push_screen_wait(PickScreen(_("Let a chain go on"), choices))
        if chosen is None:
            return
        try:
            resume_queue(ended[chosen].file)
        except SidestepError as error:
            self.sidestep.tell_error(error)
            return
        self.sidestep.tell(_("{name} goes on.").format(name=_name(ended[chosen])))
        self.look_again()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        if action == "go_on":
            return any(not chain.working for chain in self.chains)
        return super().check_action(action, parameters)


def _name(chain: Chain) -> str:
    return chain.left[0].run.name
