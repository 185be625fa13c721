"""The wizard by its keys: moving, editing, choosing, searching, and leaving."""

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.wizard import reviewing
from sidestep_tui.tui.wizard.dialogs import PickScreen
from sidestep_tui.tui.wizard.review import ActionRow
from sidestep_tui.tui.wizard.rows import SettingRow
from sidestep_tui.tui.wizard.screen import WizardScreen

from ..conftest import shown
from .conftest import OpenWizard, settle
from .support import focused, go_to, help_text, state, value


async def test_keys_move_over_steps_and_settings_and_back(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await pilot.press("n", "n")
        assert focused(pilot) == "adapter.family"
        await pilot.press("down", "j", "down")
        assert focused(pilot) == "adapter.rank"
        await pilot.press("k")
        assert focused(pilot) == "adapter.targets.mlp"
        await pilot.press("p")
        assert focused(pilot) == "data.tensors"


@pytest.mark.parametrize(("down", "up"), [("down", "up"), ("j", "k")])
async def test_the_cursor_moves_where_the_lines_do_not_fit(down: str, up: str, open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Review")
        await pilot.press(down, down, up)
        row = pilot.app.focused
        assert isinstance(row, ActionRow)
        assert row.action.key == "preflight"
        await pilot.press("p", "a", "s", "home", "down", "down", "enter")
        await pilot.pause()
        await pilot.press(*[down] * 30)
        assert focused(pilot) == [f.path for f in state(pilot).steps()[2].fields][-1]


async def test_typing_a_digit_replaces_a_number_and_enter_takes_it(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Adapter")
        await pilot.press("down", "down", "down", "1", "6", "enter")
        assert value(pilot, "adapter.rank") == 16
        assert focused(pilot) == "adapter.rank"
        await pilot.press("x")
        assert value(pilot, "adapter.rank") == 64


async def test_keys_that_arrive_at_once_are_all_typed(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Adapter")
        await pilot.press("down", "down", "down")
        for digit in "256":
            pilot.app.post_message(events.Key(digit, digit))
        await settle(pilot)
        await pilot.press("enter")
        assert value(pilot, "adapter.rank") == 256


async def test_what_is_typed_wrong_is_told_at_once_and_kept(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Adapter")
        await pilot.press("down", "down", "down", "9", "9", "9", "9")
        assert "must be at most 1024, not 9999" in help_text(pilot)
        assert value(pilot, "adapter.rank") == 64
        await pilot.press("enter", "n", "p")
        document = state(pilot).document
        assert document.shown(document.find("adapter.rank")) == 9999


async def test_escape_leaves_the_value_as_it_was(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Adapter")
        await pilot.press("down", "down", "down", "8", "escape")
        await pilot.pause()
        assert value(pilot, "adapter.rank") == 64
        assert not pilot.app.screen.query(Input)
        assert isinstance(pilot.app.screen, WizardScreen)


async def test_choices_turn_and_flags_switch(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Adapter")
        await pilot.press("right")
        await pilot.pause()
        assert value(pilot, "adapter.family") == "dora"
        assert focused(pilot) == "adapter.family"
        await pilot.press("left", "down", "down", "space")
        assert value(pilot, "adapter.family") == "lora"
        assert value(pilot, "adapter.targets.mlp") is False


async def test_enter_on_a_choice_opens_the_list(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Adapter")
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, PickScreen)
        await pilot.press("down", "down", "down", "down", "enter")
        await pilot.pause()
        assert value(pilot, "adapter.family") == "oft"
        assert {row.setting.path for row in pilot.app.screen.query(SettingRow)} >= {"adapter.block_size"}


async def test_paths_take_slashes_and_letters_that_are_keys_elsewhere(open_wizard: OpenWizard, tmp_path: Path) -> None:
    target = tmp_path / "new-model"
    target.mkdir()
    async with open_wizard(values={}) as pilot:
        await pilot.press("enter", *str(tmp_path), "slash", "n", "e", "tab", "enter")
        await settle(pilot)
        assert value(pilot, "model.checkpoint") == str(target)
        assert "turbo · 2B" in help_text(pilot)


async def test_a_folder_that_is_no_model_is_told(open_wizard: OpenWizard) -> None:
    async with open_wizard(values={"model.checkpoint": "/tmp/else", "data.tensors": "/data/tensors"}) as pilot:
        assert "holds no model" in help_text(pilot)
        assert reviewing.obstacle(state(pilot)) == "This folder holds no model."


async def test_search_goes_to_an_advanced_setting(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await pilot.press("slash", *"condition_dropout", "enter")
        await pilot.pause()
        assert focused(pilot) == "objective.condition_dropout"
        assert state(pilot).advanced


async def test_leaving_asks_only_when_something_would_be_lost(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await pilot.press("n")
        assert isinstance(pilot.app.screen, WizardScreen)
    async with open_wizard(values={}) as pilot:
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, ConfirmScreen | WizardScreen)


async def test_songs_that_are_not_encoded_will_do_and_the_wizard_says_so(open_wizard: OpenWizard) -> None:
    async with open_wizard(values={"model.checkpoint": "/models/model-turbo"}) as pilot:
        await pilot.press("n")
        assert "A folder of songs will do as well" in help_text(pilot)


async def test_a_long_help_says_that_it_is_cut_and_a_key_shows_all_of_it(open_wizard: OpenWizard) -> None:
    async with open_wizard((60, 14)) as pilot:
        await pilot.press("slash", *"memory.weights", "enter")
        await pilot.pause()
        path = focused(pilot)
        last_words = " ".join(state(pilot).document.find(path).help.split()[-4:])
        assert last_words not in " ".join(shown(pilot.app).split())
        assert "… i shows all of it" in shown(pilot.app)
        await pilot.press("i")
        await pilot.pause()
        await pilot.press("G")
        await pilot.pause()
        assert last_words.split()[-1] in shown(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        assert focused(pilot) == path
