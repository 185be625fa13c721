"""Paths as they are typed, letter by letter: homes of people who are not there, and names that no disk takes."""

from pathlib import Path

import pytest
from textual.widgets import Input

from sidestep_tui.config.places import expanded, runs_home
from sidestep_tui.tui.wizard.dialogs import AskScreen, BrowseScreen
from sidestep_tui.tui.wizard.paths import FolderSuggester

from ..conftest import shown
from .conftest import OpenWizard, settle
from .support import act, state, value

NOBODY = "~nobody-is-called-so"
TOO_LONG = "/" + "m" * 300


@pytest.mark.parametrize("path", [NOBODY, f"{NOBODY}/model", TOO_LONG], ids=["home", "folder", "long"])
async def test_a_model_that_cannot_be_there_is_refused_and_can_be_looked_for(
    path: str, open_wizard: OpenWizard
) -> None:
    async with open_wizard() as pilot:
        await pilot.press("enter")
        pilot.app.screen.query_one(Input).value = path
        await pilot.press("enter")
        await settle(pilot)
        assert value(pilot, "model.checkpoint") == path
        await pilot.press("b")
        await pilot.pause()
        assert isinstance(pilot.app.screen, BrowseScreen)


@pytest.mark.parametrize("path", [f"{NOBODY}/ranking.json", TOO_LONG], ids=["home", "long"])
async def test_another_file_that_cannot_be_there_is_told(path: str, open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        screen = pilot.app.screen
        document = state(pilot).document
        await screen.take(document.edit(document.find("adapter.start_from"), path))  # type: ignore[attr-defined]
        assert state(pilot).conflicts() == {"adapter.start_from": f"there is nothing at {path}"}


async def test_the_home_of_nobody_completes_to_nothing() -> None:
    assert await FolderSuggester().get_suggestion(f"{NOBODY}/mus") is None


async def test_no_config_file_is_in_the_home_of_nobody(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await pilot.press("o")
        pilot.app.screen.query_one(Input).value = f"{NOBODY}/mine.json"
        await pilot.pause()
        assert "There is no such home folder." in shown(pilot.app)
        assert isinstance(pilot.app.screen, AskScreen)


@pytest.mark.parametrize(
    ("key", "default"), [("name", "tensors-album-lora"), ("file", "tensors-album-lora.json")], ids=["run", "config"]
)
async def test_what_is_to_be_made_in_the_home_of_nobody_is_refused_while_it_is_typed(
    key: str, default: str, open_wizard: OpenWizard
) -> None:
    async with open_wizard() as pilot:
        await act(pilot, key)
        line = pilot.app.screen.query_one(Input)
        assert line.value == default
        line.value = f"{NOBODY}/mine"
        await pilot.press("enter")
        assert "There is no such home folder." in shown(pilot.app)
        assert isinstance(pilot.app.screen, AskScreen)


async def test_a_taken_name_of_a_run_is_refused_while_it_is_typed(open_wizard: OpenWizard) -> None:
    (runs_home() / "taken").mkdir(parents=True)
    async with open_wizard() as pilot:
        await act(pilot, "name")
        pilot.app.screen.query_one(Input).value = "taken"
        await pilot.press("enter")
        assert "There is a run with this name already." in shown(pilot.app)
        pilot.app.screen.query_one(Input).value = "free"
        await pilot.press("enter")
        await pilot.pause()
        assert state(pilot).name() == "free"


def test_the_home_of_somebody_is_found() -> None:
    assert expanded("~/music") == Path.home() / "music"
    assert expanded(NOBODY) == Path(NOBODY)
