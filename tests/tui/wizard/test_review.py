"""The wizard's review: what starts a run, measures first, encodes first, and saves presets and files."""

import json
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Static

from sidestep_tui.config.memory.estimate import GIB, RESERVE_BYTES
from sidestep_tui.config.places import runs_home, user_presets
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.wizard.review import ActionRow, Review
from sidestep_tui.tui.wizard.screen import WizardScreen

from ..conftest import MACHINE, notes, shown
from .conftest import OpenWizard
from .support import act, bar, finding_engine, measuring_engine, one_song, state, value


async def test_start_makes_the_run_and_opens_the_monitor(
    open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[RunDirectory] = []
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", launched.append)
    async with open_wizard() as pilot:
        await act(pilot, "start")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert [run.path for run in launched] == [runs_home() / "tensors-album-lora"]
        assert launched[0].settings().model_dump(mode="json")["data"]["tensors"] == "/data/tensors-album"
        assert not isinstance(pilot.app.screen, WizardScreen)


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_what_an_action_does_is_read_to_its_end_or_seen_to_go_on(
    open_wizard: OpenWizard, size: tuple[int, int]
) -> None:
    """`on: ranks follow your` was all there was to read, and of a long name nothing told that it goes on."""
    values = {"model.checkpoint": "/models/model-turbo", "data.tensors": "/data/" + "long-name-" * 9 + "songs"}
    async with open_wizard(size, values) as pilot:
        await act(pilot, "measure")
        told = {row.action.key: row.render_line(0).text.rstrip() for row in pilot.app.screen.query(ActionRow)}
        assert told["measure"].endswith("on: the songs give ranks")
        assert told["name"].endswith("…")


async def test_a_run_is_saved_without_starting_it(open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", lambda run: pytest.fail(f"started {run.path}"))
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.start_queue", lambda runs: pytest.fail(f"queued {runs}"))
    values = {"model.checkpoint": "/models/model-turbo", "data.tensors": "/data/my songs"}
    async with open_wizard(values=values) as pilot:
        await act(pilot, "keep")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(pilot.app.screen, MonitorScreen)
        assert sorted(run.name for run in runs_home().iterdir()) == ["my-songs-lora", "my-songs-lora-preprocess"]
        assert pilot.app.screen.run.job() == "preprocess"
        assert pilot.app.screen.check_action("resume", ())


async def test_a_preflight_is_watched_and_its_figures_are_in_the_review_afterwards(
    open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tensors = one_song(tmp_path / "tensors")
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", measuring_engine(MACHINE.cards[0].name))
    async with open_wizard(values={"model.checkpoint": "/models/model-turbo", "data.tensors": str(tensors)}) as pilot:
        assert not bar(pilot).measured
        await act(pilot, "preflight")
        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(pilot.app.screen, MonitorScreen)
        assert pilot.app.screen.run.job() == "preflight"
        await pilot.press("escape")
        await pilot.pause()
        assert bar(pilot).total == 4 * GIB + RESERVE_BYTES
        assert "measured by a preflight" in str(pilot.app.screen.query_one(Review).query(".text").first(Static).content)
        assert "preflight" not in [row.action.key for row in pilot.app.screen.query(ActionRow)]


async def test_what_a_preflight_found_is_taken_into_the_settings(
    open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    launch = finding_engine(MACHINE.cards[0].name, asked)
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", launch)
    tensors = one_song(tmp_path / "tensors")
    async with open_wizard(values={"model.checkpoint": "/models/model-turbo", "data.tensors": str(tensors)}) as pilot:
        await act(pilot, "preflight")
        assert "The fastest" in shown(pilot.app)
        await pilot.press("down", "down", "enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.press("escape")
        await pilot.pause()
        assert asked == ["fastest"]
        assert "checkpointing half," in shown(pilot.app)
        assert "compile on " in shown(pilot.app)
        await act(pilot, "take")
        await pilot.pause()
        assert value(pilot, "memory.checkpointing") == "half"
        assert value(pilot, "memory.compile") is True
        time_line = str(pilot.app.screen.query_one(Review).query(".text").first(Static).content)
        assert "at 0.25 s a step, measured by a preflight" in time_line
        assert "take" not in [row.action.key for row in pilot.app.screen.query(ActionRow)]


async def test_what_was_found_is_not_offered_for_another_run(
    open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def launch(run: RunDirectory) -> None:
        with EventWriter(run.events_file) as log:
            log.write(ev.RunCompleted(results={"checkpointing": "half", "faster_with": None}))

    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", launch)
    tensors = one_song(tmp_path / "tensors")
    async with open_wizard(values={"model.checkpoint": "/models/model-turbo", "data.tensors": str(tensors)}) as pilot:
        await act(pilot, "preflight")
        await pilot.press("enter")
        await pilot.app.workers.wait_for_complete()
        await pilot.press("escape")
        await pilot.pause()
        assert "take" not in [row.action.key for row in pilot.app.screen.query(ActionRow)]


async def test_songs_are_encoded_first(open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch) -> None:
    queued: list[list[RunDirectory]] = []
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.start_queue", queued.append)
    values = {"model.checkpoint": "/models/model-turbo", "data.tensors": "/data/my songs"}
    async with open_wizard(values=values) as pilot:
        await act(pilot, "start")
        await pilot.app.workers.wait_for_complete()
        (first, second) = queued[0]
        encode, train = (run.settings().model_dump(mode="json") for run in (first, second))
        assert (first.job(), second.job()) == ("preprocess", "train")
        assert encode["dataset"] == "/data/my songs"
        assert encode["output"] == train["data"]["tensors"]


async def test_measuring_first_is_switched_in_the_review(
    open_wizard: OpenWizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[list[RunDirectory]] = []
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.start_queue", queued.append)
    async with open_wizard() as pilot:
        await act(pilot, "measure")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        row = pilot.app.focused
        assert isinstance(row, ActionRow)
        assert row.action.key == "measure"
        await act(pilot, "start")
        await pilot.app.workers.wait_for_complete()
        assert [run.job() for run in queued[0]] == ["estimate", "train"]


async def test_start_says_what_is_missing(open_wizard: OpenWizard) -> None:
    async with open_wizard(values={}) as pilot:
        await act(pilot, "start")
        assert [note.splitlines()[0] for note in notes(pilot.app)] == [
            "The run cannot start: model.checkpoint is needed."
        ]
        assert isinstance(pilot.app.screen, WizardScreen)


async def test_settings_are_saved_as_a_preset_without_paths(open_wizard: OpenWizard) -> None:
    async with open_wizard() as pilot:
        screen: Any = pilot.app.screen
        await screen.take(state(pilot).document.set_all({"adapter.rank": 24}))
        await act(pilot, "preset")
        await pilot.press(*"mine", "enter")
        await pilot.pause()
        saved = json.loads((user_presets() / "mine.json").read_text(encoding="utf-8"))
        assert saved["settings"] == {"adapter": {"rank": 24}}


async def test_settings_are_saved_as_a_config_file(open_wizard: OpenWizard, tmp_path: Path) -> None:
    async with open_wizard() as pilot:
        await act(pilot, "file")
        pilot.app.screen.query_one(Input).value = str(tmp_path / "run.json")
        await pilot.press("enter")
        await pilot.pause()
        assert json.loads((tmp_path / "run.json").read_text(encoding="utf-8")) == {
            "model": {"checkpoint": "/models/model-turbo"},
            "data": {"tensors": "/data/tensors-album"},
        }
