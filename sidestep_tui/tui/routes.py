"""Every screen by name, imported when it is first opened: a new screen is one line here."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sidestep_tui.errors import UsageError

if TYPE_CHECKING:
    from sidestep_tui.tui.screen import SidestepScreen

ROUTES: Final[dict[str, str]] = {
    "home": "sidestep_tui.tui.home.screen:HomeScreen",
    "monitor": "sidestep_tui.tui.monitor.screen:MonitorScreen",
    "listen": "sidestep_tui.tui.listen.screen:ListenScreen",
    "queue": "sidestep_tui.tui.queue.screen:QueueScreen",
    "wizard": "sidestep_tui.tui.wizard.screen:WizardScreen",
    "dataset": "sidestep_tui.tui.dataset.opening:OpenDatasetScreen",
    "presets": "sidestep_tui.tui.presets.screen:PresetsScreen",
}


def make_screen(name: str, **arguments: object) -> "SidestepScreen[Any]":
    """The screen called `name`, made with the keyword arguments of its class.

    Raises:
        UsageError: there is no screen of this name.
    """
    if name not in ROUTES:
        raise UsageError(f"There is no screen {name!r}.", fix=f"one of: {', '.join(ROUTES)}")
    module, _, attribute = ROUTES[name].partition(":")
    screen: SidestepScreen[Any] = vars(import_module(module))[attribute](**arguments)
    return screen
