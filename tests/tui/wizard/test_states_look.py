"""How the wizard looks on a machine that lacks something: no card, no checkpoint, a download that cannot be had."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.machine import MachineSnapshot
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.wizard import download
from sidestep_tui.tui.wizard.dialogs import PickScreen
from sidestep_tui.tui.wizard.download import DownloadScreen
from sidestep_tui.tui.wizard.models import Download

from ..conftest import MACHINE, NOW, SIZES
from .conftest import settle

MakeApp = Callable[..., SidestepApp]
Looks = Callable[..., bool]
Size = tuple[int, int]

pytestmark = [
    pytest.mark.usefixtures("places"),
    pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}"),
]
GIB = 2**30


def without_card() -> MachineSnapshot:
    return replace(MACHINE, cards=(), cards_missing="no NVIDIA driver is installed")


def test_the_wizard_without_a_card(size: Size, looks: Looks) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        screen: Any = pilot.app.screen
        values = {"model.checkpoint": "/models/model-turbo", "data.tensors": "/data/tensors-album"}
        await screen.take(screen.state.document.set_all(values))
        await settle(pilot)
        await pilot.press(*"nnnnnn")

    assert looks(SidestepApp("wizard", clock=lambda: NOW, machine=without_card), size, prepare)


def test_the_wizard_without_a_checkpoint(
    size: Size, make_app: MakeApp, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidestep_tui.tui.wizard.lookups.find_models", tuple)
    assert looks(make_app("wizard"), size, settle)


def test_choosing_where_there_is_no_checkpoint(
    size: Size, make_app: MakeApp, looks: Looks, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidestep_tui.tui.wizard.lookups.find_models", tuple)

    async def choose(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("m")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, PickScreen))

    assert looks(make_app("wizard"), size, choose)


class Held:
    """A download that stands still at 3 of 24 GiB until it is ended."""

    def __init__(self, _download: Download) -> None:
        self._ended = threading.Event()

    def follow(self, tell: Callable[[int, int], None]) -> None:
        tell(3 * GIB, 24 * GIB)
        self._ended.wait(30)

    def end(self) -> None:
        self._ended.set()


def unreachable() -> SidestepError:
    return SidestepError(
        "The Hub does not answer: ConnectError.",
        where="https://hub.example/api/models/ACE-Step/acestep-v15-base",
        fix="check the connection, or set HF_ENDPOINT to a mirror",
    )


@pytest.mark.parametrize(
    ("answer", "keys", "sign"),
    [
        pytest.param(Download("base", Path("/data"), 24 * GIB, 3 * GIB, 90 * GIB), (), "download it", id="offered"),
        pytest.param(Download("base", Path("/data"), 24 * GIB, 0, 9 * GIB), (), "try again", id="no room"),
        pytest.param(Download("base", Path("/data"), 24 * GIB, 0, 90 * GIB), ("y",), "goes on from", id="under way"),
        pytest.param(unreachable(), (), "try again", id="no answer"),
    ],
)
def test_a_download(
    answer: Download | SidestepError,
    keys: tuple[str, ...],
    sign: str,
    size: Size,
    make_app: MakeApp,
    looks: Looks,
    eventually: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(_name: str, _folder: Path) -> Download:
        if isinstance(answer, SidestepError):
            raise answer
        return answer

    async def prepare(pilot: Pilot[None]) -> None:
        def stage() -> str:
            return str(pilot.app.screen.query_one("#keys", Static).content)

        await pilot.app.push_screen(DownloadScreen("acestep-v15-base", Path("/data/models")))
        await eventually(pilot, lambda: stage() and "back" in stage() and (not keys or "download it" in stage()))
        for key in keys:
            await pilot.press(key)
        await eventually(pilot, lambda: sign in stage())
        await eventually(pilot, lambda: "…" not in str(pilot.app.screen.query_one("#state", Static).content))

    monkeypatch.setattr(download, "plan_download", ask)
    monkeypatch.setattr(download, "Fetching", Held)
    assert looks(make_app("home"), size, prepare)
