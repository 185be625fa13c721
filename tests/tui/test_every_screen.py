"""Every screen of the route table: its help tells its keys, movement is the same, and nothing is destroyed unasked."""

from collections.abc import Awaitable, Callable

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Static

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.help import HelpScreen
from sidestep_tui.tui.routes import ROUTES
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.widgets.table import KeyTable

MakeApp = Callable[..., SidestepApp]
MakeRun = Callable[..., RunDirectory]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]
DESTRUCTIVE = ("delete", "remove", "stop", "clear", "discard")


@pytest.fixture
def open_screen(make_app: MakeApp, make_run: MakeRun, training_events: Events) -> Callable[[str], SidestepApp]:
    """The application on a screen of the table, with one dead run on disk."""

    def make(name: str) -> SidestepApp:
        run = make_run("one", events=training_events(30))
        return make_app(name, **({"run": run} if name == "monitor" else {}))

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


@pytest.mark.parametrize("name", ROUTES)
async def test_what_destroys_says_that_it_asks_first(name: str, open_screen: Callable[[str], SidestepApp]) -> None:
    app = open_screen(name)
    async with app.run_test():
        for entry in app.screen._bindings.key_to_bindings.values():
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
        bound = {key: [b.action for b in found] for key, found in table._bindings.key_to_bindings.items()}
    for vim, usual in (("j", "down"), ("k", "up"), ("g", "home"), ("G", "end"), ("ctrl+d", "pagedown")):
        assert bound[vim] == bound[usual]
