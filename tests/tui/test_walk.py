"""A walk through the whole application: each key that a screen offers is pressed once, and every way in leads out.

From every screen that keys and choices lead to, each of its keys is pressed, on whatever row of its list offers it.
None may raise. Escape leads back from wherever it led, `q` closes a dialog in which nothing is typed and leaves
Side-Step from everywhere else, help tells the keys, and beside each arrow a vim key does the same.
"""

import asyncio
import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from textual.binding import ActiveBinding
from textual.pilot import Pilot
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Input, Static, TextArea
from textual.worker import WorkerCancelled

from sidestep_tui import tui
from sidestep_tui.config.preset_keeping import save_preset
from sidestep_tui.config.presets import Preset
from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import launch, standing
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.dataset import encode_screen
from sidestep_tui.tui.dataset.dialogs import BusyScreen
from sidestep_tui.tui.help import HelpScreen
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.widgets.table import KeyTable
from sidestep_tui.tui.wizard.dialogs import PickScreen

MakeApp = Callable[..., SidestepApp]
MakeRun = Callable[..., RunDirectory]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]

_LEAVING = ("quit", "back", "command_palette", "help")
"""Actions that are not pressed on the walk: they end it, or have tests of their own."""
_PAIRS = (("down", "j"), ("up", "k"), ("home", "g"), ("end", "G"), ("pagedown", "ctrl+d"), ("pageup", "ctrl+u"))
_MOST_STEPS_BACK = 4
_MOST_ROWS = 6
_PATIENCE_SECONDS = 20


@pytest.fixture
def starts(
    make_run: MakeRun,
    training_events: Events,
    sensitivity_event: Callable[[int], ev.SensitivityUpdated],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, tuple[str, dict[str, object]]]]:
    """A world with something for every key, where no engine and no queue can start; where to begin, by name."""
    monkeypatch.setattr(launch, "launch", lambda _run: None)
    monkeypatch.setattr(standing, "resume_queue", lambda _file: None)
    monkeypatch.setattr(encode_screen, "find_models", lambda: ())
    events = training_events(150)
    living, dead = make_run("living", events=events), make_run("dead", events=events)
    waiting = make_run("waiting")
    made = ev.RunStarted(job="estimate", pid=1, host="box", device="cpu", version="0")
    ranked = make_run("ranked", "estimate", [made, sensitivity_event(24), ev.RunCompleted()])
    encoded = make_run("encoded", "preprocess", [ev.Progress(done=3, total=3, unit="songs"), ev.RunCompleted()])
    save_preset(Preset("my own", "", {"adapter": {"rank": 24}}))
    standing.set_paused(True)
    for run in (dead, waiting):
        standing.add(run)
    for index in range(2):
        write_audio(tmp_path / "album" / f"{index}.wav", np.zeros((2, 48_000), dtype=np.float32))
    with ExitStack() as stack:
        stack.enter_context(living.held())
        yield {
            "home": ("home", {}),
            "queue": ("queue", {}),
            "wizard": ("wizard", {}),
            "presets": ("presets", {}),
            "dataset": ("dataset", {"path": tmp_path / "album"}),
            "monitor of a living run": ("monitor", {"run": living}),
            "monitor of a dead run": ("monitor", {"run": dead}),
            "monitor of a ranking": ("monitor", {"run": ranked}),
            "monitor of songs": ("monitor", {"run": encoded}),
        }


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[SidestepApp]:
    """Applications that were told to leave, which they do not."""
    told: list[SidestepApp] = []
    monkeypatch.setattr(SidestepApp, "exit", lambda app: told.append(app))
    return told


@pytest.mark.slow
async def test_every_key_works_and_every_way_leads_back(
    starts: dict[str, tuple[str, dict[str, object]]], make_app: MakeApp, settle: Settle, exits: list[SidestepApp]
) -> None:
    pressed: dict[type[Screen[object]], set[str]] = {}
    for name, arguments in starts.values():
        app = make_app(name, **arguments)
        async with app.run_test(size=(120, 36)) as pilot:
            await settle(pilot)
            await settle(pilot)
            await Walk(pilot, pressed, exits).over(app.screen)
    for screen in screens_of_the_code() - set(pressed):
        assert named_in_a_test(screen), f"{screen.__name__} is not on the walk, and no other test knows it"


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
            while isinstance(self._screen, BusyScreen):
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
    return {key: {b.action for b in bindings} for key, bindings in widget._bindings.key_to_bindings.items()}


def screens_of_the_code() -> set[type[Screen[object]]]:
    """Every screen and dialog that can be opened and takes keys."""
    found: set[type[Screen[object]]] = set()
    for module in pkgutil.walk_packages(tui.__path__, "sidestep_tui.tui."):
        for one in vars(import_module(module.name)).values():
            if isinstance(one, type) and issubclass(one, Screen) and one.__module__ == module.name:
                found.add(one)
    closed = {one for one in found if not any(issubclass(other, one) and other is not one for other in found)}
    return {one for one in closed if "BINDINGS" in vars(one)}


def named_in_a_test(screen: type[Screen[object]]) -> bool:
    """Whether any test of the terminal application speaks of this class."""
    here = Path(__file__)
    return any(screen.__name__ in path.read_text() for path in here.parent.rglob("test_*.py") if path != here)
