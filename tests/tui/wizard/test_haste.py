"""Keys and answers that come while a step is still being drawn."""

import asyncio
import errno
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.places import remembered_choices, runs_home
from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.help import HelpScreen
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.wizard.lookups import Lookups
from sidestep_tui.tui.wizard.review import ActionRow
from sidestep_tui.tui.wizard.rows import SettingRow
from sidestep_tui.tui.wizard.screen import WizardScreen
from sidestep_tui.tui.wizard.settings_panel import SettingsPanel

from ..conftest import notes, shown
from .conftest import FACTS, OpenWizard, card, settle
from .support import bar, focused, go_to, state, value

START = "sidestep_tui.tui.wizard.start"


async def test_an_answer_that_comes_before_the_lines_are_made_waits_for_them(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        panel = pilot.app.screen.query_one(SettingsPanel)
        line = SettingRow(state(pilot).steps()[2].fields[0])
        mounting = panel.query_one("#rows").mount(line)
        panel.redraw(state(pilot).document)
        await mounting
        await pilot.pause()
        assert "‹ lora ›" in shown(pilot.app)


async def test_keys_pressed_in_haste_show_each_line_once(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        lookups = pilot.app.screen.query_one(Lookups)
        for _ in range(2):
            pilot.app.post_message(events.Key("n", "n"))
            lookups.post_message(Lookups.Changed())
        await settle(pilot)
        await pilot.pause()
        rows = [row.setting.path for row in pilot.app.screen.query(SettingRow)]
        assert rows == [field.path for field in state(pilot).steps()[2].fields]


async def test_arrows_pressed_in_haste_move_a_line_each(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Adapter")
        for _ in range(3):
            pilot.app.post_message(events.Key("down", None))
        await pilot.pause()
        assert focused(pilot) == "adapter.rank"


SONGS = {"model.checkpoint": "/models/model-turbo", "data.tensors": "/data/my songs"}


async def test_a_start_that_is_pressed_twice_makes_one_chain(
    open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(f"{START}.start_queue", lambda _runs: go_on.wait(60))
    async with open_wizard(values=SONGS) as pilot:
        await choose(pilot, "start")
        await pilot.press("enter", "enter", "enter")
        go_on.set()
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        assert sorted(run.name for run in runs_home().iterdir()) == ["my-songs-lora", "my-songs-lora-preprocess"]
        assert [type(screen) for screen in pilot.app.screen_stack] == [HomeScreen, MonitorScreen]


async def test_what_is_opened_while_a_run_starts_makes_room_for_its_monitor(
    open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(f"{START}.launch", lambda _run: go_on.wait(60))
    async with open_wizard() as pilot:
        await choose(pilot, "start")
        await pilot.press("enter", "question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        go_on.set()
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        assert [type(screen) for screen in pilot.app.screen_stack] == [HomeScreen, MonitorScreen]


async def test_who_leaves_while_a_run_starts_is_not_told_that_it_does_not(
    open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, started = threading.Event(), threading.Event()
    monkeypatch.setattr(f"{START}.launch", lambda _run: go_on.wait(60) and started.set())
    async with open_wizard() as pilot:
        await choose(pilot, "start")
        await pilot.press("enter", "escape")
        assert isinstance(pilot.app.screen, HomeScreen)
        go_on.set()
        await until(pilot, started.is_set)
        await until(pilot, lambda: remembered_choices().exists())
        assert isinstance(pilot.app.screen, HomeScreen)


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (f"{START}.launch", "The engine could not be started: Cannot allocate memory."),
        ("sidestep_tui.tui.wizard.finish.remember", "No space is left."),
    ],
    ids=["launch", "remember"],
)
async def test_what_fails_at_a_start_is_told(
    fails: str, told: str, open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = {"launch": OSError(errno.ENOMEM, "Cannot allocate memory"), "remember": SidestepError("No space is left.")}

    def fail(_given: object) -> None:
        raise errors[fails.rpartition(".")[2]]

    monkeypatch.setattr(f"{START}.launch", lambda _run: None)
    monkeypatch.setattr(fails, fail)
    async with open_wizard() as pilot:
        await choose(pilot, "start")
        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        await until(pilot, lambda: any(told in note for note in notes(pilot.app)))
        is_running = fails.endswith("remember")
        await until(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen if is_running else WizardScreen))


async def test_a_value_that_is_being_typed_is_kept_where_a_click_leads_to_another_step(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Adapter")
        await pilot.press("down", "down", "down", "8")
        await pilot.app.screen.run_action("screen.jump(5)")  # what a click on the step does
        await until(pilot, lambda: focused(pilot) == "training.epochs")
        await pilot.press("7", "enter")
        assert (value(pilot, "adapter.rank"), value(pilot, "training.epochs")) == (8, 7)


async def test_what_is_found_out_does_not_take_the_line_away_that_is_typed(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await pilot.press("a", "slash", *"samples.seed", "enter", "1")
        found = Lookups.ModelFound((Path(SONGS["model.checkpoint"]), None), replace(FACTS, variant="base"), "")
        pilot.app.screen.query_one(Lookups).post_message(found)
        await pilot.press("2", "3", "enter")
        assert value(pilot, "samples.seed") == 123
        panel = pilot.app.screen.query_one(SettingsPanel)
        await until(pilot, lambda: panel.shows("samples.guidance_scale"))
        await pilot.pause()
        assert focused(pilot) == "samples.seed"


async def test_the_review_stays_where_it_is_read_while_it_is_the_same(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await choose(pilot, "file")
        await pilot.press(*["down"] * 25)
        rows = pilot.app.screen.query_one("#rows")
        await until(pilot, lambda: rows.scroll_y == rows.max_scroll_y > 0)
        pilot.app.screen.query_one(Lookups).post_message(Lookups.MachineFound((card(30 * GIB),), {}))
        await until(pilot, lambda: bar(pilot).free == 30 * GIB)
        await pilot.pause()
        assert rows.scroll_y == rows.max_scroll_y
        assert "sidestep train" in shown(pilot.app)


async def choose(pilot: Pilot[None], key: str) -> None:
    """Puts the cursor on an action of the review."""
    await go_to(pilot, "Review")
    next(row for row in pilot.app.screen.query(ActionRow) if row.action.key == key).focus()
    await pilot.pause()


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Lets the application work until a condition holds."""
    async with asyncio.timeout(60):
        while not condition():
            await pilot.pause()
