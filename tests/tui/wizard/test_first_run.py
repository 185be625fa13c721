"""A first run: models in the usual places are offered, and one that is missing is fetched from a Hub on loopback."""

import json
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from sidestep_tui.config.places import downloads_home, remembered_choices
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.wizard.dialogs import PickScreen
from sidestep_tui.tui.wizard.download import DownloadScreen
from sidestep_tui.tui.wizard.help_pane import HelpPane
from sidestep_tui.tui.wizard.models import find_models
from sidestep_tui.tui.wizard.screen import WizardScreen
from tests.runs.hub import Hub, serving_hub

from ..conftest import shown
from .conftest import FOUND, OpenWizard, settle

Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
WEIGHTS = bytes(range(256)) * 100_000
NAME = "acestep-v15-base"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub with one model; the download's own process finds it through HF_ENDPOINT, as it would find a mirror."""
    with serving_hub() as hub:
        hub.repositories["ACE-Step/Ace-Step1.5"] = {"vae/config.json": b"{}", "Qwen3-Embedding-0.6B/config.json": b"{}"}
        hub.repositories[f"ACE-Step/{NAME}"] = {"config.json": b"{}", "model.safetensors": WEIGHTS}
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
        yield hub


def text(pilot: Pilot[None], selector: str) -> str:
    return str(pilot.app.screen.query_one(selector, Static).content)


def model(pilot: Pilot[None]) -> Any:
    screen: Any = pilot.app.screen
    return screen.state.path("model.checkpoint")


def on(pilot: Pilot[None], screen: type) -> Callable[[], bool]:
    return lambda: isinstance(pilot.app.screen, screen)


async def ask_for_download(pilot: Pilot[None], eventually: Eventually) -> None:
    """From the wizard to the question whether the model shall be downloaded."""
    await pilot.press("m")
    await eventually(pilot, on(pilot, PickScreen))
    await pilot.press("end", "enter")
    await pilot.pause()
    await pilot.press("down", "enter")
    await pilot.pause()
    await pilot.press("enter")
    await eventually(pilot, lambda: on(pilot, DownloadScreen)() and "download it" in text(pilot, "#keys"))


async def test_models_in_the_usual_places_are_offered_and_the_choice_is_remembered(open_wizard: OpenWizard) -> None:
    async with open_wizard(values={}) as pilot:
        help_pane = str(pilot.app.screen.query_one(HelpPane).content)
        assert "3 models lie in the usual places: m lists" in help_pane
        await pilot.press("m")
        await pilot.pause()
        await pilot.press("down", "enter")
        await settle(pilot)
        assert model(pilot) == FOUND[1].path
        assert "lie in the usual places" not in str(pilot.app.screen.query_one(HelpPane).content)
        kept = json.loads(remembered_choices().read_text(encoding="utf-8"))
        assert kept == {"model.checkpoint": str(FOUND[1].path)}


async def test_models_that_are_still_looked_for_are_waited_for(
    make_app: Callable[..., SidestepApp],
    places: dict[str, str],
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The list offered a download and nothing else, as if this machine had no model."""
    answer = threading.Event()
    monkeypatch.setattr("sidestep_tui.tui.wizard.lookups.find_models", lambda: FOUND if answer.wait(60) else ())
    app = make_app("wizard")
    async with app.run_test(size=(80, 24)) as pilot:
        await eventually(pilot, on(pilot, WizardScreen))
        await pilot.press("m")
        await eventually(pilot, lambda: "Looking for models …" in shown(app))
        answer.set()
        await eventually(pilot, lambda: FOUND[0].path.name in shown(app))
        assert "from Hugging Face, or from HF_ENDPOINT" in shown(app)


async def test_the_wait_for_models_is_left_with_escape(
    make_app: Callable[..., SidestepApp],
    places: dict[str, str],
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = threading.Event()
    monkeypatch.setattr("sidestep_tui.tui.wizard.lookups.find_models", lambda: FOUND if answer.wait(60) else ())
    app = make_app("wizard")
    async with app.run_test(size=(80, 24)) as pilot:
        await eventually(pilot, on(pilot, WizardScreen))
        await pilot.press("m")
        await eventually(pilot, lambda: "Looking for models …" in shown(app))
        await pilot.press("escape")
        await eventually(pilot, lambda: "Looking for models …" not in shown(app))
        assert on(pilot, WizardScreen)()
        answer.set()
        await settle(pilot)
        assert on(pilot, WizardScreen)()  # no list comes up that nobody asked for


async def test_a_model_is_downloaded_and_chosen(
    hub: Hub, open_wizard: OpenWizard, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidestep_tui.tui.wizard.lookups.find_models", tuple)
    async with open_wizard(values={}) as pilot:
        assert "No model lies in the usual places; one can be downloaded" in str(
            pilot.app.screen.query_one(HelpPane).content
        )
        await ask_for_download(pilot, eventually)
        assert "24 MiB, " in text(pilot, "#state")
        await pilot.press("y")
        await eventually(pilot, lambda: not isinstance(pilot.app.screen, DownloadScreen))
        target = downloads_home() / NAME
        assert (target / "model.safetensors").read_bytes() == WEIGHTS
        assert (downloads_home() / "vae" / "config.json").is_file()
        await eventually(pilot, lambda: model(pilot) == target)


async def test_a_download_is_stopped_and_taken_up_again(
    hub: Hub, open_wizard: OpenWizard, eventually: Eventually
) -> None:
    hub.hold_after = 15_000_000  # the client keeps pieces of 10 MB
    async with open_wizard(values={}) as pilot:
        await ask_for_download(pilot, eventually)
        await pilot.press("y")
        await eventually(pilot, lambda: any(file.stat().st_size for file in downloads_home().rglob(".model.*.part")))
        await pilot.press("escape")
        await eventually(pilot, lambda: not isinstance(pilot.app.screen, DownloadScreen))
        assert model(pilot) is None
        hub.released.set()
        await ask_for_download(pilot, eventually)
        await pilot.press("y")
        await eventually(pilot, lambda: not isinstance(pilot.app.screen, DownloadScreen))
        assert (downloads_home() / NAME / "model.safetensors").read_bytes() == WEIGHTS
        assert int(hub.ranges()[-1].removeprefix("bytes=").rstrip("-")) > 0


async def test_a_hub_that_does_not_answer_is_told_and_tried_again(
    hub: Hub, make_app: Callable[..., SidestepApp], eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    async with make_app("home").run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(DownloadScreen(NAME, downloads_home()))
        await pilot.pause()
        await eventually(pilot, lambda: "try again" in text(pilot, "#keys"))
        assert "! The download stopped: ConnectError" in text(pilot, "#state")
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        await pilot.press("r")
        await eventually(pilot, lambda: "24 MiB, " in text(pilot, "#state"))


def test_what_lies_in_the_usual_places_is_found(
    reference_checkpoint: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    cache = tmp_path / "cache" / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    snapshots = cache / "models--ACE-Step--Ace-Step1.5" / "snapshots"
    snapshots.mkdir(parents=True)
    shutil.copytree(reference_checkpoint("acestep-v15-turbo").parent, snapshots / "abc")
    downloads_home().mkdir(parents=True)
    alone = downloads_home() / "mine"
    alone.mkdir()
    config = reference_checkpoint("acestep-v15-base") / "config.json"
    (alone / "config.json").write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
    found = find_models()
    assert sorted(model.kind for model in found if not model.problem) == ["base", "turbo", "xl turbo"]
    assert (found[-1].path.name, bool(found[-1].problem)) == ("mine", True)
