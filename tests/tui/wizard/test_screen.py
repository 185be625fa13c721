"""The wizard by its keys: moving, editing, choosing, searching, fitting, starting and saving."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from sidestep_tui.config.memory import GIB, RESERVE_BYTES
from sidestep_tui.config.places import runs_home, user_presets
from sidestep_tui.config.preflight import PreflightSettings
from sidestep_tui.config.presets import Preset
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.measured import Measured, remember
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.wizard import reviewing
from sidestep_tui.tui.wizard.dialogs import PickScreen
from sidestep_tui.tui.wizard.help_pane import HelpPane
from sidestep_tui.tui.wizard.lookups import Lookups
from sidestep_tui.tui.wizard.memory_bar import MemoryBar
from sidestep_tui.tui.wizard.review import ActionRow, Review
from sidestep_tui.tui.wizard.rows import SettingRow
from sidestep_tui.tui.wizard.screen import WizardScreen
from sidestep_tui.tui.wizard.state import WizardState
from sidestep_tui.tui.wizard.views import MemoryView

from ..conftest import MACHINE, MakeRun
from .conftest import OpenWizard, settle


def state(pilot: Pilot[None]) -> WizardState:
    screen = next(s for s in pilot.app.screen_stack if isinstance(s, WizardScreen))
    return screen.state


def value(pilot: Pilot[None], path: str) -> Any:
    document = state(pilot).document
    return document.value(document.find(path))


def focused(pilot: Pilot[None]) -> str:
    widget = pilot.app.focused
    assert isinstance(widget, SettingRow)
    return widget.setting.path


def help_text(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one(HelpPane).content)


async def go_to(pilot: Pilot[None], step: str) -> None:
    titles = [line.title for line in state(pilot).step_lines()]
    screen: Any = pilot.app.screen
    await screen.action_jump(titles.index(step))
    await pilot.pause()


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


async def test_a_preset_can_be_taken_away_again(open_wizard: OpenWizard) -> None:
    preset = Preset("small", "", {"adapter": {"rank": 8}, "training": {"epochs": 7}})
    async with open_wizard(preset=preset) as pilot:
        screen: Any = pilot.app.screen
        await screen.take(state(pilot).document.set_all({"training.epochs": 9}))
        assert (value(pilot, "adapter.rank"), value(pilot, "training.epochs")) == (8, 9)
        await pilot.press("U")
        assert (value(pilot, "adapter.rank"), value(pilot, "training.epochs")) == (64, 9)
        assert not screen.check_action("unload", ())


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


def bar(pilot: Pilot[None]) -> MemoryView:
    view = pilot.app.screen.query_one(MemoryBar).view
    assert view is not None
    return view


async def act(pilot: Pilot[None], key: str) -> None:
    await go_to(pilot, "Review")
    row = next(row for row in pilot.app.screen.query(ActionRow) if row.action.key == key)
    row.focus()
    await pilot.press("enter")
    await pilot.pause()


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


async def test_songs_that_are_not_encoded_will_do_and_the_wizard_says_so(open_wizard: OpenWizard) -> None:
    async with open_wizard(values={"model.checkpoint": "/models/model-turbo"}) as pilot:
        await pilot.press("n")
        assert "A folder of songs will do as well" in help_text(pilot)


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
    tensors = tmp_path / "tensors"
    tensors.mkdir()
    manifest = {"model": "turbo", "songs": [{"frames": 50, "condition_tokens": 9}]}
    (tensors / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    def engine(run: RunDirectory) -> None:
        settings = run.settings()
        assert isinstance(settings, PreflightSettings)
        measured = Measured("all", fits=True, free_bytes=8 * GIB, peak_bytes=4 * GIB, seconds=0.5)
        remember(settings.training_run(), MACHINE.cards[0].name, measured)

    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", engine)
    async with open_wizard(values={"model.checkpoint": "/models/model-turbo", "data.tensors": str(tensors)}) as pilot:
        assert not bar(pilot).measured
        await act(pilot, "preflight")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(pilot.app.screen, MonitorScreen)
        assert pilot.app.screen.run.job() == "preflight"
        await pilot.press("escape")
        await pilot.pause()
        assert bar(pilot).total == 4 * GIB + RESERVE_BYTES
        assert "measured by a preflight" in str(pilot.app.screen.query_one(Review).query(".text").first(Static).content)
        assert "preflight" not in [row.action.key for row in pilot.app.screen.query(ActionRow)]


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


async def test_start_says_what_is_missing(open_wizard: OpenWizard) -> None:
    async with open_wizard(values={}) as pilot:
        await act(pilot, "start")
        assert [n.severity for n in pilot.app._notifications] == ["error"]
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
