"""What lies beneath the edits of a wizard: presets and config files, and what machine and past runs tell."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.presets.keeping import save_preset
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.runs.locks import TENSORS_LOCK, trying_to_hold
from sidestep_tui.tui.widgets.table import KeyTable
from sidestep_tui.tui.wizard import facts
from sidestep_tui.tui.wizard.lookups import Lookups
from sidestep_tui.tui.wizard.memory_bar import MemoryBar

from ..conftest import MACHINE, Eventually, MakeRun, notes
from .conftest import OpenWizard, settle
from .support import bar, go_to, help_text, state, value


async def test_f_makes_the_run_fit(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        screen: Any = pilot.app.screen
        await screen.take(state(pilot).document.set_all({"memory.checkpointing": "none", "training.batch_size": 2}))
        view = pilot.app.screen.query_one(MemoryBar).view
        assert view is not None
        assert not view.fits
        await pilot.press("f")
        await pilot.pause()
        view = pilot.app.screen.query_one(MemoryBar).view
        assert view is not None
        assert view.fits
        assert value(pilot, "memory.checkpointing") == "half"


async def test_the_bar_follows_the_cards_free_memory(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        before = bar(pilot).free
        assert before is not None
        card = MACHINE.cards[0]
        fuller = replace(MACHINE, cards=(replace(card, memory_used=card.memory_used + 2 * GIB),))
        app: Any = pilot.app
        app.read_machine = lambda: fuller
        pilot.app.screen.query_one(Lookups).look_at_cards()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert bar(pilot).free == before - 2 * GIB


async def test_further_folders_of_tensors_count_in_steps_and_memory(
    open_wizard: OpenWizard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_wizard() as pilot:
        monkeypatch.setattr("sidestep_tui.tui.wizard.lookups.look_at_songs", facts.look_at_songs)
        for name, frames in (("one", 100), ("two", 300)):
            (tmp_path / name).mkdir()
            song = {"frames": frames, "condition_tokens": 9, "repeat": 3}
            (tmp_path / name / "manifest.json").write_text(json.dumps({"songs": [song]}), encoding="utf-8")
        screen: Any = pilot.app.screen
        folders = {"data.tensors": str(tmp_path / "one"), "data.more_tensors": [str(tmp_path / "two")]}
        await screen.take(state(pilot).document.set_all({**folders, "training.epochs": 10}))
        await settle(pilot)
        assert state(pilot).optimizer_steps() == 60
        known = state(pilot).data
        assert known is not None
        assert known.load.frames == 300


async def test_songs_that_are_being_encoded_are_waited_for(
    open_wizard: OpenWizard, tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were told to be neither tensors nor audio files, also after their encoding was done."""
    monkeypatch.setattr("sidestep_tui.tui.wizard.lookups._AGAIN_SECONDS", 0.01)
    async with open_wizard() as pilot:
        monkeypatch.setattr("sidestep_tui.tui.wizard.lookups.look_at_songs", facts.look_at_songs)
        screen: Any = pilot.app.screen
        with trying_to_hold(tmp_path / TENSORS_LOCK) as is_ours:
            assert is_ours
            await screen.take(state(pilot).document.set_all({"data.tensors": str(tmp_path)}))
            await settle(pilot)
            assert "being encoded now" in state(pilot).conflicts()["data.tensors"]
            document = {"songs": [{"frames": 50, "condition_tokens": 9}]}
            (tmp_path / "manifest.json").write_text(json.dumps(document), encoding="utf-8")
            await eventually(pilot, lambda: "data.tensors" not in state(pilot).conflicts())
            await go_to(pilot, "Data")
            assert "1 preprocessed song, the longest 2 s; more are being encoded now" in help_text(pilot)
        await eventually(pilot, lambda: "more are being" not in help_text(pilot))


async def test_e_takes_the_recommended_epochs(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        await go_to(pilot, "Training")
        assert "800 are usual" in help_text(pilot)
        await pilot.press("e")
        assert value(pilot, "training.epochs") == 800


async def test_a_preset_is_laid_beneath_the_edits(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        screen: Any = pilot.app.screen
        await screen.take(state(pilot).document.set_all({"training.epochs": 3}))
        await pilot.press("L")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        document = state(pilot).document
        assert document.origin(document.find("adapter.rank")) == "preset 2b-8gb"
        assert value(pilot, "training.epochs") == 3


async def test_a_preset_that_contradicts_the_config_file_is_refused(open_wizard: OpenWizard, tmp_path: Path) -> None:
    """It was blamed on the model and the songs, and kept the run from starting for a reason that nobody could find."""
    (tmp_path / "mine.json").write_text('{"memory": {"checkpointing": "half"}}', encoding="utf-8")
    async with open_wizard(config=tmp_path / "mine.json") as pilot:
        before = state(pilot).document
        await load(pilot, Preset("streamed", "", {"memory": {"checkpointing": "all", "stream_blocks": 4}}))
        assert any("memory.stream_blocks needs" in note for note in notes(pilot.app))
        assert state(pilot).document == before
        assert state(pilot).document.ready()


async def test_a_preset_that_the_config_file_needs_is_not_taken_away(open_wizard: OpenWizard, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"schedule": {"name": "formula"}}', encoding="utf-8")
    preset = Preset("level", "", {"schedule": {"formula": "1"}})
    async with open_wizard(config=tmp_path / "mine.json", preset=preset) as pilot:
        await pilot.press("U")
        assert any("needs schedule.formula" in note for note in notes(pilot.app))
        assert state(pilot).document.has_preset
        assert state(pilot).document.ready()


async def test_a_preset_that_a_whole_config_file_covers_says_that_it_changes_nothing(
    open_wizard: OpenWizard, make_run: MakeRun
) -> None:
    async with open_wizard(config=make_run("before").config_file) as pilot:
        await load(pilot, Preset("small", "", {"adapter": {"rank": 8}}))
        assert value(pilot, "adapter.rank") == 64
        assert any("small changes nothing" in note for note in notes(pilot.app))
        assert not any("is loaded" in note for note in notes(pilot.app))


async def load(pilot: Pilot[None], preset: Preset) -> None:
    """Chooses a preset of the user's own."""
    save_preset(preset)
    await pilot.press("L")
    await pilot.pause()
    rows = pilot.app.screen.query_one(KeyTable)
    rows.move_cursor(row=[str(key.value) for key in rows.rows].index(preset.name))
    await pilot.press("enter")
    await pilot.pause()


async def test_a_preset_can_be_taken_away_again(open_wizard: OpenWizard) -> None:
    preset = Preset("small", "", {"adapter": {"rank": 8}, "training": {"epochs": 7}})
    async with open_wizard(preset=preset) as pilot:
        screen: Any = pilot.app.screen
        await screen.take(state(pilot).document.set_all({"training.epochs": 9}))
        assert (value(pilot, "adapter.rank"), value(pilot, "training.epochs")) == (8, 9)
        await pilot.press("U")
        assert (value(pilot, "adapter.rank"), value(pilot, "training.epochs")) == (64, 9)
        assert not screen.check_action("unload", ())


async def test_a_config_file_is_laid_beneath_the_edits(open_wizard: OpenWizard, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text('{"adapter": {"rank": 12}}', encoding="utf-8")
    async with open_wizard() as pilot:
        await pilot.press("o")
        pilot.app.screen.query_one(Input).value = str(tmp_path / "none.json")
        await pilot.press("enter")
        assert "cannot be read" in str(pilot.app.screen.query_one(".problem", Static).content)
        pilot.app.screen.query_one(Input).value = str(file)
        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        assert value(pilot, "adapter.rank") == 12
        document = state(pilot).document
        assert document.origin(document.find("adapter.rank")) == "file mine.json"


async def test_what_a_run_took_is_known_when_its_monitor_is_left(
    open_wizard: OpenWizard, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    monkeypatch.setattr(
        "sidestep_tui.tui.wizard.lookups.figures_of_runs", lambda cards: looked.append(len(cards)) or {}
    )
    async with open_wizard() as pilot:
        assert len(looked) == 1
        await pilot.press("s", "escape")
        await settle(pilot)
        assert len(looked) == 1, "a list in front of the wizard changes nothing"
        screen: Any = pilot.app.screen
        screen.sidestep.open("monitor", run=make_run("another"))
        await settle(pilot)
        await pilot.press("b")
        await settle(pilot)
        assert len(looked) == 2
