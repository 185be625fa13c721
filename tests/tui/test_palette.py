"""The command palette on every screen: it offers what the keys do, also what the key line leaves out, and does it."""

from collections.abc import Awaitable, Callable

import pytest
from textual.command import CommandList
from textual.pilot import Pilot

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.routes import ROUTES

MakeApp = Callable[..., SidestepApp]
MakeRun = Callable[..., RunDirectory]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]


@pytest.mark.parametrize("name", ROUTES)
async def test_everything_that_the_screens_own_keys_do_is_offered_once(
    name: str, make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle
) -> None:
    run = make_run("one", events=training_events(30))
    make_run("two", events=training_events(30))
    app = make_app(name, **({"run": run} if name in ("monitor", "listen") else {}))
    async with app.run_test() as pilot:
        await settle(pilot)
        screen = app.screen
        titles = [command.title for command in app.get_system_commands(screen)]
        keys = [
            one.binding.description
            for one in screen.active_bindings.values()
            if one.node is screen and one.enabled and one.binding.description and not one.binding.system
        ]
        moving = {"Focus Next", "Focus Previous", "Copy selected text"}
        assert set(keys) - moving <= set(titles)
        assert len(titles) == len(set(titles))


async def test_what_is_chosen_is_done(
    make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle, eventually: Eventually
) -> None:
    run = make_run("one", events=training_events(30))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", *"Delete")
        await eventually(pilot, lambda: app.screen.query_one(CommandList).option_count > 0)
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await eventually(pilot, lambda: not run.path.exists())
