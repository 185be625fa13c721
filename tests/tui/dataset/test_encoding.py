"""From the review to training: the songs are saved and encoded, the monitor comes above, the wizard knows them."""

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from sidestep_tui.config.jobs import PreprocessSettings
from sidestep_tui.dataset.session import load_dataset
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.busy import WaitScreen
from sidestep_tui.tui.dataset import encode_screen
from sidestep_tui.tui.dataset.encoding import make_run, prepare
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.song_screen import SongScreen
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.wizard.dialogs import AskScreen, PickScreen
from sidestep_tui.tui.wizard.models import FoundModel
from sidestep_tui.tui.wizard.screen import WizardScreen
from sidestep_tui.tui.wizard.start import remembered, tensors_for

from .conftest import OpenReview, notes

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the only model in the usual places."""
    folder = tmp_path / "models" / "acestep-turbo"
    folder.mkdir(parents=True)
    monkeypatch.setattr(encode_screen, "find_models", lambda: (FoundModel(folder, "turbo"),))
    return folder


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[RunDirectory]:
    """The runs whose engines would have been started."""
    runs: list[RunDirectory] = []
    monkeypatch.setattr(encode_screen, "start_engine", lambda _app, run: bool(runs.append(run)) or True)
    return runs


def listed(pilot: Pilot[None]) -> list[str]:
    choices = pilot.app.screen.query_one(OptionList)
    return [str(choices.get_option_at_index(index).prompt) for index in range(choices.option_count)]


async def until_asked(pilot: Pilot[None], eventually: Eventually, dialog: type[AskScreen | PickScreen]) -> None:
    await eventually(pilot, lambda: isinstance(pilot.app.screen, dialog) and pilot.app.focused is not None)


async def test_edits_are_saved_and_the_songs_encoded(
    open_review: OpenReview, album: Path, model: Path, started: list[RunDirectory], eventually: Eventually
) -> None:
    async with open_review(album, (80, 24), "v", "p") as pilot:
        await until_asked(pilot, eventually, PickScreen)
        assert "Save, then encode" in listed(pilot)[0]
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen) and len(listed(pilot)) == 3)
        assert "acestep-turbo" in listed(pilot)[0]
        await pilot.press("enter")
        await until_asked(pilot, eventually, AskScreen)
        output = Path(pilot.app.screen.query_one(Input).value)
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, MonitorScreen))
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ReviewScreen)
    settings = started[0].settings()
    assert isinstance(settings, PreprocessSettings)
    assert (settings.dataset, settings.output) == (album / "dataset.json", output)
    assert settings.model.checkpoint == model
    assert started[0].name == "album-preprocess"
    assert [song.reviewed for song in load_dataset(settings.dataset).songs][:2] == [True, False]


async def test_nothing_is_encoded_while_edits_stay_unsaved(
    open_review: OpenReview, album: Path, model: Path, started: list[RunDirectory], eventually: Eventually
) -> None:
    async with open_review(album, (80, 24), "v", "p") as pilot:
        await until_asked(pilot, eventually, PickScreen)
        await pilot.press("down", "enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
    assert not started
    assert not (album / "dataset.json").exists()


async def test_a_model_elsewhere_is_typed_and_must_be_there(
    open_review: OpenReview, album: Path, started: list[RunDirectory], eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> None:  # fmt: skip
    """Also where the search for models fails."""

    def fail() -> tuple[FoundModel, ...]:
        raise SidestepError("The command gave no answer.")

    monkeypatch.setattr(encode_screen, "find_models", fail)
    async with open_review(album, (80, 24), "p") as pilot:
        await until_asked(pilot, eventually, PickScreen)
        assert len(listed(pilot)) == 2
        await pilot.press("enter")
        await until_asked(pilot, eventually, AskScreen)
        pilot.app.screen.query_one(Input).value = "/no/such/model"
        await pilot.press("enter")
        assert "no such folder" in str(pilot.app.screen.query_one(".problem", Static).render())
        pilot.app.screen.query_one(Input).value = str(tmp_path)
        await pilot.press("enter")
        await eventually(pilot, lambda: "tensors" in pilot.app.screen.query_one(Input).value)
        await pilot.press("escape")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
    assert not started


async def test_the_wizard_opens_with_these_songs(
    open_review: OpenReview, album: Path, model: Path, eventually: Eventually
) -> None:
    async with open_review(album, (80, 24), "p") as pilot:
        await until_asked(pilot, eventually, PickScreen)
        await pilot.press("up", "enter")  # the last one
        await eventually(pilot, lambda: isinstance(pilot.app.screen, WizardScreen))
        assert isinstance(pilot.app.screen, WizardScreen)
        assert pilot.app.screen.state.path("data.tensors") == album
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ReviewScreen)


def test_the_next_wizard_begins_with_the_tensors(album: Path, model: Path) -> None:
    dataset = load_dataset(album)
    settings = prepare(dataset, model, tensors_for(dataset.place))
    settings.output.mkdir(parents=True)
    assert make_run(settings).name == "album-preprocess"
    assert make_run(settings).name == "album-preprocess-2"
    assert remembered() == {"model.checkpoint": str(model), "data.tensors": str(settings.output)}


async def test_the_monitor_does_not_come_above_what_was_opened_meanwhile(
    open_review: OpenReview, album: Path, model: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that were meant for a dialog went to the run."""
    go_on = threading.Event()
    monkeypatch.setattr(encode_screen, "start_engine", lambda _app, _run: go_on.wait(10))
    async with open_review(album, (80, 24), "p") as pilot:
        await until_asked(pilot, eventually, PickScreen)
        await pilot.press("enter")
        await until_asked(pilot, eventually, AskScreen)
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, SongScreen)
        go_on.set()
        await eventually(pilot, lambda: "album-preprocess is at work" in notes(pilot))
        assert isinstance(pilot.app.screen, SongScreen)


async def test_the_wait_for_models_is_left_with_escape(
    open_review: OpenReview, album: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    monkeypatch.setattr(encode_screen, "find_models", lambda: answer.wait(60) and ())
    async with open_review(album, (80, 24), "p") as pilot:
        await eventually(pilot, lambda: isinstance(pilot.app.screen, WaitScreen))
        await pilot.press("escape")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        answer.set()
