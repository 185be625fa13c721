"""Every screen of the route table: its help tells its keys, movement is the same, and nothing is destroyed unasked."""

import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest
from textual.binding import Binding, BindingsMap
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Static

from sidestep_tui import tui
from sidestep_tui.config.presets.keeping import save_preset
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import standing
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.help import HelpScreen
from sidestep_tui.tui.routes import ROUTES
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.widgets.table import KeyTable

from .walking import actions, bindings_of

MakeApp = Callable[..., SidestepApp]
MakeRun = Callable[..., RunDirectory]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]
OF_A_RUN = ("monitor", "listen")
DESTRUCTIVE = ("delete", "remove", "stop", "clear", "discard")


@pytest.fixture
def open_screen(make_app: MakeApp, make_run: MakeRun, training_events: Events) -> Callable[[str], SidestepApp]:
    """The application on a screen of the table, with one dead run on disk."""

    def make(name: str) -> SidestepApp:
        run = make_run("one", events=training_events(30))
        return make_app(name, **({"run": run} if name in OF_A_RUN else {}))

    return make


@pytest.mark.parametrize("name", ROUTES)
async def test_help_tells_what_the_screen_is_for_and_every_key(
    name: str, open_screen: Callable[[str], SidestepApp], settle: Settle
) -> None:
    app = open_screen(name)
    async with app.run_test(size=(100, 120)) as pilot:
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, SidestepScreen)
        assert screen.ABOUT
        wanted = {
            active.binding.tooltip or active.binding.description
            for active in screen.active_bindings.values()
            if active.node in (screen, app) and active.binding.show and not active.binding.system
        }
        app.action_help()
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        text = "\n".join(str(static.render()) for static in app.screen.query(Static))
        missing = [words for words in wanted if words and words not in text]
        await pilot.press("escape")
        assert app.screen is screen
    assert not missing


@pytest.fixture
def world(make_run: MakeRun, training_events: Events) -> Iterator[RunDirectory]:
    """Something for every destructive key: a living run (given), a dead one, both queued, a preset of one's own."""
    living, dead = (make_run(name, events=training_events(30)) for name in ("living", "dead"))
    save_preset(Preset("my own", "", {"adapter": {"rank": 24}}))
    standing.set_paused(True)
    for run in (living, dead):
        standing.add(run)
    with living.held():
        yield living


def destructive(bindings: BindingsMap) -> dict[str, str]:
    """The keys that destroy, by action."""
    return {b.action: key for key, b in bindings if b.action.partition("(")[0] in DESTRUCTIVE}


def _screen_class(name: str) -> type:
    module, _, kind = ROUTES[name].partition(":")
    found: type = getattr(import_module(module), kind)
    return found


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ROUTES)
async def test_every_key_that_destroys_asks_and_escape_leaves_all_as_it_was(
    name: str, world: RunDirectory, sidestep_home: Path, make_app: MakeApp, settle: Settle, eventually: Eventually
) -> None:
    app = make_app(name, **({"run": world} if name in OF_A_RUN else {}))
    async with app.run_test() as pilot:
        await settle(pilot)
        screen, before = app.screen, everything(sidestep_home)
        declared, asked = destructive(bindings_of(screen)), set()
        rows = max((table.row_count for table in screen.query(KeyTable)), default=0) if declared else 0
        for _ in range(max(1, rows)):
            for action, key in declared.items():
                if key in screen.active_bindings and screen.active_bindings[key].enabled and action not in asked:
                    await pilot.press(key)
                    await eventually(pilot, lambda: isinstance(app.screen, ConfirmScreen))
                    await pilot.press("escape")
                    await settle(pilot)
                    assert app.screen is screen
                    assert everything(sidestep_home) == before
                    asked.add(action)
            await pilot.press("j")
        assert asked == set(declared)


def test_nothing_outside_of_these_screens_has_a_key_that_destroys() -> None:
    routed = {ancestor for name in ROUTES for ancestor in _screen_class(name).__mro__}
    for module in pkgutil.walk_packages(tui.__path__, "sidestep_tui.tui."):
        for one in vars(import_module(module.name)).values():
            if isinstance(one, type) and issubclass(one, Widget) and one not in routed and "BINDINGS" in vars(one):
                assert not destructive(BindingsMap(one.BINDINGS)), f"{one} is pressed by no test"


@pytest.mark.parametrize("name", ROUTES)
async def test_what_destroys_says_that_it_asks_first(name: str, open_screen: Callable[[str], SidestepApp]) -> None:
    app = open_screen(name)
    async with app.run_test():
        for entry in bindings_of(app.screen).key_to_bindings.values():
            for binding in entry:
                if isinstance(binding, Binding) and binding.action.partition("(")[0] in DESTRUCTIVE:
                    assert "(asks first)" in binding.tooltip, binding


async def test_vim_keys_and_arrows_do_the_same(make_app: MakeApp, make_run: MakeRun, settle: Settle) -> None:
    for index in range(3):
        make_run(f"run {index}")
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        table = app.screen.query_one(KeyTable)
        bound = actions(table)
    for vim, usual in (("j", "down"), ("k", "up"), ("g", "home"), ("G", "end"), ("ctrl+d", "pagedown")):
        assert bound[vim] == bound[usual]
