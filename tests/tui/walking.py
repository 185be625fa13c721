"""Walks over the screens of a running application by every key that they offer, and holds each screen to the rules."""

import asyncio
from contextlib import suppress

from textual.binding import ActiveBinding, BindingsMap
from textual.pilot import Pilot
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea
from textual.worker import WorkerCancelled

from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.busy import BusyScreen, WaitScreen
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.help import HelpScreen
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.widgets.table import KeyTable
from sidestep_tui.tui.wizard.dialogs import PickScreen

_LEAVING = ("quit", "back", "command_palette", "help")
"""Actions that are not pressed on the walk: they end it, or have tests of their own."""
_PAIRS = (("down", "j"), ("up", "k"), ("home", "g"), ("end", "G"), ("pagedown", "ctrl+d"), ("pageup", "ctrl+u"))
_MOST_STEPS_BACK = 4
_MOST_ROWS = 6
_PATIENCE_SECONDS = 20


class Walk:
    """Presses the keys of screens in a running application.

    Args:
        pilot: presses.
        pressed: the keys that were pressed on each kind of screen so far; they are not pressed again.
        exits: grows where the application is told to leave.
    """

    def __init__(
        self, pilot: Pilot[None], pressed: dict[type[Screen[object]], set[str]], exits: list[SidestepApp]
    ) -> None:
        self._pilot, self._pressed, self._exits = pilot, pressed, exits

    @property
    def _screen(self) -> Screen[object]:
        return self._pilot.app.screen

    async def over(self, screen: Screen[object]) -> None:
        """Presses each key that the screen offers on any row of its list, and walks over what that opens."""
        await self._look_at(screen)
        pressed = self._pressed[type(screen)]
        rows = max((table.row_count for table in screen.query(KeyTable)), default=1)
        for _ in range(max(1, min(rows, _MOST_ROWS))):
            while fresh := [key for key in offered(screen) if key not in pressed]:
                pressed.add(fresh[0])
                await self._press(fresh[0])
                has_choices = isinstance(self._screen, PickScreen)
                if not await self._is_back(screen, fresh[0]):
                    return
                if has_choices:  # they were left; now one is taken
                    await self._press(fresh[0])
                    await self._press("enter")
                    if not await self._is_back(screen, fresh[0]):
                        return
            await self._press("j")

    async def _press(self, key: str) -> None:
        """Presses, and waits for the threads that the key has set going; what asks something waits for its answer."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._pilot.press(key)
            for worker in [one for one in self._pilot.app.workers if one._thread_worker]:
                with suppress(WorkerCancelled):
                    await worker.wait()
            await self._pilot.pause()
            while isinstance(self._screen, BusyScreen | WaitScreen):
                await self._pilot.pause()

    async def _is_back(self, screen: Screen[object], key: str) -> bool:
        """Goes back from wherever the key led, once that was walked over; False where the key closed the screen."""
        for _ in range(_MOST_STEPS_BACK):
            if screen not in self._pilot.app.screen_stack:
                return False
            if self._screen is screen:
                return True
            if isinstance(self._screen, SidestepScreen):
                await self.over(self._screen)
            if self._screen is not screen:
                await self._leave(self._screen)
        raise AssertionError(f"no way back from {self._screen} to {screen} after {key!r}")

    async def _leave(self, reached: Screen[object]) -> None:
        """Leaves a screen by escape, and a dialog in which nothing is typed by `q`; what would be lost is given up."""
        await self._look_at(reached)
        key = "q" if isinstance(reached, ModalScreen) and not is_typed_in(reached) else "escape"
        await self._press(key)
        if not isinstance(reached, ModalScreen) and isinstance(self._screen, ConfirmScreen | PickScreen):
            await self._press("y" if isinstance(self._screen, ConfirmScreen) else "enter")
        assert self._screen is not reached, f"{reached} is not left by {key}"

    async def _look_at(self, screen: Screen[object]) -> None:
        """What must hold on every screen, once for each kind."""
        if type(screen) in self._pressed:
            return
        self._pressed[type(screen)] = set()
        assert not unpaired(screen), unpaired(screen)
        if isinstance(screen, SidestepScreen):
            await self._press("f1" if is_typed_in(screen) else "question_mark")
            assert not missing_in_help(self._screen, screen)
            await self._press("escape")
            assert self._screen is screen
            before = len(self._exits)
            await self._press("ctrl+q" if is_typed_in(screen) else "q")
            assert len(self._exits) > before or isinstance(self._screen, ConfirmScreen), f"{screen} is not left by q"
            if self._screen is not screen:
                await self._press("escape")


def is_typed_in(screen: Screen[object]) -> bool:
    """Whether letters are text: in a dialog with a field, and where a field of a screen is in focus."""
    fields = [*screen.query(Input), *screen.query(TextArea)]
    return any(isinstance(screen, ModalScreen) or field.has_focus for field in fields)


def missing_in_help(help_screen: Screen[object], screen: Screen[object]) -> list[str]:
    """What the key line of a screen offers and its help does not tell."""
    assert isinstance(help_screen, HelpScreen), help_screen
    text = "\n".join(str(static.render()) for static in help_screen.query(Static))
    shown = [active.binding for active in screen.active_bindings.values() if active.enabled]
    words = [one.tooltip or one.description for one in shown if one.show and not one.system]
    return [word for word in words if word not in text]


def offered(screen: Screen[object]) -> list[str]:
    """The keys that the screen and what it has in focus take now, without those that leave."""
    found: list[str] = []
    active: ActiveBinding
    for key, active in screen.active_bindings.items():
        action = active.binding.action.rpartition("app.")[2].partition("(")[0]
        if active.enabled and not active.binding.system and action not in _LEAVING and not action.startswith("screen."):
            found.append(key)
    return found


def unpaired(screen: Screen[object]) -> list[str]:
    """Widgets that move with an arrow and not with the vim key beside it; where something is typed, letters are."""
    found = []
    above = actions(screen)
    for widget in [screen, *(one for one in screen.query(Widget) if one.can_focus)]:
        if isinstance(widget, Input | TextArea):
            continue
        bound = actions(widget)
        moved_below = actions(screen.focused) if widget is screen and screen.focused else {}
        for arrow, vim in _PAIRS:
            if arrow in bound and arrow not in moved_below and not bound[arrow] & (bound | above).get(vim, set()):
                found.append(f"{widget!r}: {arrow}, not {vim}")
    return found


def actions(widget: Widget) -> dict[str, set[str]]:
    """What each key of a widget does."""
    return {key: {b.action for b in bindings} for key, bindings in bindings_of(widget).key_to_bindings.items()}


def bindings_of(widget: Widget) -> BindingsMap:
    """Its own keys and those of its classes, which Textual tells openly only of what has the focus."""
    return widget._bindings
