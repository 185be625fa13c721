"""Presets in and out of the application: pasted, from files and runs, copied, written."""

import errno
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste
from textual.widgets import Input, Static, TextArea

from sidestep_tui.config.places import user_presets
from sidestep_tui.config.presets.importing import import_text
from sidestep_tui.config.presets.shelf import (
    find_preset,
    read_shelf,
)
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.presets.dialogs import ReportScreen
from sidestep_tui.tui.wizard.dialogs import PickScreen

from ..conftest import Eventually, notes
from .support import OLD, mine, paste, text

MakeApp = Callable[..., SidestepApp]


async def test_a_pasted_preset_of_the_old_trainer_is_reported_and_kept(make_app: MakeApp) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await paste(pilot, OLD)
        assert isinstance(pilot.app.screen, ReportScreen)
        await pilot.press("y")
        await pilot.pause()
        assert find_preset("old one", Path.cwd()).settings["adapter"]["rank"] == 16


async def test_a_file_is_imported_by_its_name(make_app: MakeApp, working_folder: Path) -> None:
    (working_folder / "given.json").write_text(OLD, encoding="utf-8")
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await paste(pilot, "given.json")
        await pilot.press("n")
        await pilot.pause()
        assert not user_presets().exists()


async def test_what_is_no_preset_is_refused(make_app: MakeApp) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await paste(pilot, "{broken")
        assert "not JSON" in str(pilot.app.screen.query_one(".problem", Static).content)
        assert pilot.app.screen.query_one(TextArea).text == "{broken"  # and not to be pasted once more


async def test_a_bracketed_paste_of_many_lines_arrives_whole(make_app: MakeApp) -> None:
    lines = json.dumps({"settings": {"adapter": {"rank": 12}}}, indent=2)
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("i")
        await pilot.pause()
        pilot.app.post_message(Paste(lines))  # as the terminal does: a widget's own would come up and be pasted again
        await pilot.press("ctrl+s")
        await pilot.pause()
        await pilot.press("y")
        await pilot.pause()
        await pilot.press(*"pasted", "enter")  # it had no name
        await pilot.pause()
        assert find_preset("pasted", Path.cwd()).settings == {"adapter": {"rank": 12}}


async def test_a_taken_name_asks_for_another_or_for_leave_to_replace(make_app: MakeApp) -> None:
    mine("taken")
    new = json.dumps({"name": "Taken", "settings": {"adapter": {"rank": 9}}})
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        for keys in (("escape",), (*"2", "enter"), ("enter",)):
            await pilot.pause()
            await paste(pilot, new)
            await pilot.press("y")
            await pilot.pause()
            if keys[0] == "2":
                pilot.app.screen.query_one(Input).action_end()
            await pilot.press(*keys)
            await pilot.pause()
            ranks = {p.name: p.settings["adapter"]["rank"] for p in read_shelf(Path.cwd()).presets if p.level == "user"}
            expected = {"escape": {"taken": 24}, "2": {"taken": 24, "Taken2": 9}, "enter": {"taken": 9, "Taken2": 9}}
            assert ranks == expected[keys[0]]


async def test_the_text_of_a_preset_is_copied(make_app: MakeApp) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("y")
        assert import_text(pilot.app.clipboard).preset.as_document() == find_preset("2b-8gb", Path.cwd()).as_document()


async def test_export_writes_the_file(make_app: MakeApp, working_folder: Path) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        file = working_folder / "2b-8gb.json"
        assert json.loads(file.read_text(encoding="utf-8"))["name"] == "2b-8gb"
        file.write_text("precious", encoding="utf-8")
        for answer in ("n", "y"):
            await pilot.press("x")
            await pilot.pause()
            await pilot.press("enter")
            await pilot.pause()
            await pilot.press(answer)
            await pilot.pause()
            assert (file.read_text(encoding="utf-8") == "precious") == (answer == "n")


async def test_a_place_that_cannot_be_written_is_told(make_app: MakeApp, working_folder: Path) -> None:
    (working_folder / "file").write_text("", encoding="utf-8")
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for place in ("file/inside.json", "~nobody-here/x.json", "x" * 300):
            await pilot.press("x")
            await pilot.pause()
            pilot.app.screen.query_one(Input).value = place
            await pilot.press("enter")
            await pilot.pause()
        first, second, third = notes(pilot.app)
        assert "cannot be written" in first
        assert "home folder" in second
        assert "too long" in third


async def test_runs_that_cannot_be_read_are_told_and_the_logs_are_not_read_where_keys_wait(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def fail() -> list[object]:
        threads.append(threading.get_ident())
        raise PermissionError(errno.EACCES, "Permission denied", "/runs")

    monkeypatch.setattr("sidestep_tui.runs.history.list_runs", fail)
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("u")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert any("The runs cannot be read" in note for note in notes(pilot.app))
        assert threads != [threading.get_ident()]


async def test_the_settings_of_a_run_become_a_preset(make_app: MakeApp, make_run: Any, eventually: Eventually) -> None:
    make_run("take-one")
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("u")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press(*"kept", "enter")
        await pilot.pause()
        kept = find_preset("kept", Path.cwd())
        assert "checkpoint" not in kept.settings["model"]
        assert "more are at their defaults." in text(pilot)
        assert kept.settings["adapter"]["rank"] == 64
