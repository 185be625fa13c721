"""The presets screen by its keys: the list, comparing, loading, renaming, deleting."""

from collections.abc import Callable
from pathlib import Path

from textual.widgets import Input, Static

from sidestep_tui.config.places import user_presets
from sidestep_tui.config.presets.keeping import save_preset
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.config.presets.shelf import find_preset, local_presets
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.presets.screen import PresetsScreen
from sidestep_tui.tui.wizard.screen import WizardScreen

from .support import OLD, mine, names, paste, text

MakeApp = Callable[..., SidestepApp]


async def test_own_presets_come_first_and_numbers_in_order(make_app: MakeApp) -> None:
    mine()
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert names(pilot)[:4] == ["a of mine", "2b-8gb", "2b-12gb", "2b-16gb"]
        assert "for [brackets]" in text(pilot)
        await pilot.press("down")
        assert "4.9 GiB on 2B" in text(pilot)


async def test_two_are_compared(make_app: MakeApp) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("c", "down", "down")
        lines = text(pilot).splitlines()
        assert [line.split() for line in lines[:3]] == [
            ["2b-8gb", "2b-16gb"],
            ["adapter.rank", "32", "64"],
            ["memory.checkpointing", "all", "half"],
        ]
        await pilot.press("up", "up", "c", "down")
        assert "Rank 128 on a 12 GB card" in text(pilot)


async def test_enter_loads_into_the_wizard(make_app: MakeApp) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        document = screen.state.document
        assert document.origin(document.find("adapter.rank")) == "preset 2b-8gb"


async def test_renaming_and_deleting_ask_and_leave_shipped_ones_alone(make_app: MakeApp) -> None:
    mine()
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("r")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "b of mine"
        await pilot.press("enter")
        await pilot.pause()
        assert "b of mine" in names(pilot)
        await pilot.press("d")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert not list(user_presets().glob("*.json"))
        screen = pilot.app.screen
        assert isinstance(screen, PresetsScreen)
        assert not screen.check_action("delete", ())
        assert not screen.check_action("rename", ())


async def test_an_unsafe_name_is_refused_with_the_reason(make_app: MakeApp) -> None:
    mine()
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("r")
        await pilot.pause()
        pilot.app.screen.query_one(Input).value = "../x"
        await pilot.press("enter")
        await pilot.pause()
        assert "cannot be a preset's name" in str(pilot.app.screen.query_one(".problem", Static).content)
        assert find_preset("a of mine", Path.cwd())


async def test_a_damaged_preset_says_what_is_wrong_and_can_be_deleted(make_app: MakeApp) -> None:
    user_presets().mkdir(parents=True)
    file = user_presets() / "style.json"
    file.write_text('{"sidestep": "9.0.0", "settings": {"later": {"idea": 1}}}', encoding="utf-8")
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert names(pilot)[0] == "style"
        assert "saved by Side-Step 9.0.0" in text(pilot)
        assert "Fix: update Side-Step" in text(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, PresetsScreen)
        assert [a for a in ("compare", "export", "copy", "rename", "delete") if screen.check_action(a, ())] == [
            "delete"
        ]
        await pilot.press("enter", "c", "x", "y", "r")
        assert pilot.app.screen is screen
        await pilot.press("d")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert not file.exists()
        assert names(pilot)[0] == "2b-8gb"
        assert "style" in names(pilot)


async def test_the_one_that_is_shown_is_the_one_that_is_deleted(make_app: MakeApp, working_folder: Path) -> None:
    near = save_preset(Preset("twice", "", {"adapter": {"rank": 3}}), local_presets(working_folder))
    user_presets().mkdir(parents=True)
    torn = user_presets() / "twice.json"
    torn.write_text("{", encoding="utf-8")
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert names(pilot)[:2] == ["twice", "twice"]
        await pilot.press("d")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        assert (near.exists(), torn.exists()) == (True, False)
        assert names(pilot)[:2] == ["twice", "2b-8gb"]


async def test_what_hides_another_says_so_and_brings_it_back(make_app: MakeApp, working_folder: Path) -> None:
    save_preset(Preset("Voice", "", {"adapter": {"rank": 3}}), local_presets(working_folder))
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert names(pilot)[0] == "Voice"
        assert "It hides another one of this name: shipped." in text(pilot)
        await pilot.press("d")
        await pilot.pause()
        question = " ".join(str(line.content) for line in pilot.app.screen.query(".dialog-line").results(Static))
        assert "The one that it hides comes back: shipped." in question
        await pilot.press("y")
        await pilot.pause()
        assert "voice" in names(pilot)
        assert "One singer" in text(pilot)


async def test_without_presets_of_ones_own_it_says_how_to_have_some(make_app: MakeApp) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        hint = pilot.app.screen.query_one("#none")
        assert hint.display
        await paste(pilot, OLD)
        await pilot.press("y")
        await pilot.pause()
        assert not hint.display
