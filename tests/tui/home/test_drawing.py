"""What home and queue draw and when they rest: a look that finds nothing new costs nothing."""

import re
from typing import Any

import pytest
from textual.screen import Screen

from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.queue.screen import QueueScreen

from ..conftest import Events, MakeApp, MakeRun, Settle


@pytest.mark.parametrize("screen", ["home", "queue"])
async def test_a_look_that_finds_nothing_new_draws_no_more_than_the_key_line(
    screen: str,
    make_app: MakeApp,
    make_run: MakeRun,
    settle: Settle,
    training_events: Events,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[str] = []
    display = SidestepApp._display  # where Textual writes to the terminal; a pilot's shows nothing of how much

    def noted(app: SidestepApp, top: Screen[object], renderable: Any) -> None:
        if renderable is not None:
            drawn.append(renderable.render_segments(app.console))
        display(app, top, renderable)

    for index in range(3):
        make_run(f"run-{index}", events=training_events(30))
    (make_run("newer").config_file).write_text("{")
    app = make_app(screen)
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        shown = app.screen
        assert isinstance(shown, HomeScreen | QueueScreen)
        monkeypatch.setattr(SidestepApp, "_display", noted)
        if isinstance(shown, HomeScreen):
            shown.read_runs()
        else:
            shown.read_queue()
        await settle(pilot)
        assert {int(row) for row in re.findall(r"\x1b\[(\d+);\d+H", "".join(drawn))} <= {36}  # the key line's
        app.refresh()
        await pilot.pause()
        assert len("".join(drawn)) > 5000


async def test_a_screen_beneath_another_rests_and_one_beneath_a_dialog_does_not(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events
) -> None:
    make_run("one", events=training_events(10))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        home = app.screen
        assert isinstance(home, HomeScreen)
        assert home.in_front
        await pilot.press("question_mark")
        assert home.in_front
        await pilot.press("escape", "enter")
        await settle(pilot)
        assert isinstance(app.screen, MonitorScreen)
        assert app.screen.in_front
        assert not home.in_front
