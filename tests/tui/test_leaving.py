"""Keys that are pressed twice in haste: what they were meant for goes, and nothing else."""

import pytest

from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.home.screen import HomeScreen
from sidestep_tui.tui.presets.screen import PresetsScreen
from sidestep_tui.tui.widgets.lists import KeyList
from sidestep_tui.tui.wizard.dialogs import Choice, PickScreen

from .conftest import MakeApp, Settle, notes


async def test_enter_twice_takes_one_entry(make_app: MakeApp, settle: Settle) -> None:
    taken: list[str | None] = []
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.push_screen(PickScreen("Which?", [Choice("a", "A"), Choice("b", "B")]), taken.append)
        await pilot.pause()
        listing = pilot.app.screen.query_one(KeyList)
        listing.action_select()
        listing.action_select()
        await pilot.pause()
        assert taken == ["a"]
        assert isinstance(pilot.app.screen, HomeScreen)


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_question_that_is_left_in_haste_leaves_what_lies_beneath(
    times: int, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.push_screen(PresetsScreen())
        await settle(pilot)
        screen = pilot.app.screen
        pilot.app.push_screen(ConfirmScreen("Sure?", yes="Yes"))
        await pilot.pause()
        question = pilot.app.screen
        assert isinstance(question, ConfirmScreen)
        for _ in range(times):
            question.dismiss(False)
        await pilot.pause()
        assert pilot.app.screen is screen


async def test_ctrl_c_ends_nothing_and_says_what_does(make_app: MakeApp, settle: Settle) -> None:
    app = make_app()
    async with app.run_test(notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert notes(app) == ["ctrl+q leaves Side-Step; running engines go on."]
        await pilot.press("ctrl+q")
        await pilot.pause()
    assert app.return_code == 0
