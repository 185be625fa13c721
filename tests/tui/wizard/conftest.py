"""A wizard whose model, songs and machine answer at once."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sidestep_tui.config.dit_shape import SHAPE_2B
from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.memory.load import Load
from sidestep_tui.config.variants import ModelTraits
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.machine import CardSnapshot
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.wizard.facts import DataFacts, ModelFacts
from sidestep_tui.tui.wizard.models import FoundModel

FACTS = ModelFacts("turbo", "original", False, SHAPE_2B.parameters, SHAPE_2B, traits=ModelTraits("turbo", is_xl=False))
FOUND = (
    FoundModel(Path("/models/model-turbo"), "turbo"),
    FoundModel(Path("/models/model-xl-base"), "xl base"),
    FoundModel(Path("/hub/model-sft"), "sft", "The model's vae is missing."),
)
_LOOKS = ("model", "models", "songs", "machine")
OpenWizard = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


def card(free: int, name: str = "NVIDIA L4") -> CardSnapshot:
    """A card with so many bytes free."""
    return CardSnapshot(0, name, 80 * GIB, 80 * GIB - free, None, None, None)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Folders that stand for a model, tensors and songs; looking at them needs no process."""

    def model(path: Path, base: str | None = None) -> ModelFacts:
        if "model" not in path.name:
            raise SidestepError("This folder holds no model.", where=path)
        return FACTS

    def songs(path: Path) -> DataFacts:
        if "songs" in path.name:
            return DataFacts("songs", 14)
        return DataFacts("tensors", 14, Load(5800, 400), 232.0) if "tensors" in path.name else DataFacts("empty")

    monkeypatch.setattr("sidestep_tui.tui.wizard.lookups.inspect_model", model)
    monkeypatch.setattr("sidestep_tui.tui.wizard.lookups.look_at_songs", songs)
    monkeypatch.setattr("sidestep_tui.tui.wizard.lookups.find_models", lambda: FOUND)
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.remembered", dict)
    monkeypatch.setattr(
        "sidestep_tui.tui.wizard.reviewing.tensors_for", lambda songs: Path("/data/tensors") / songs.name
    )
    return {"model.checkpoint": "/models/model-turbo", "data.tensors": "/data/tensors-album"}


@pytest.fixture
def open_wizard(make_app: Callable[..., SidestepApp], places: dict[str, str]) -> OpenWizard:
    """Opens the wizard, with model and songs chosen unless told otherwise, and waits until all is known."""

    @asynccontextmanager
    async def opened(size: tuple[int, int] = (80, 24), values: dict[str, Any] | None = None, **arguments: Any) -> Any:
        app = make_app("home")
        async with app.run_test(size=size) as pilot:
            app.open("wizard", **arguments)
            await settle(pilot)
            screen: Any = app.screen
            await screen.take(screen.state.document.set_all(places if values is None else values))
            await settle(pilot)
            yield pilot

    return opened


async def settle(pilot: Pilot[None]) -> None:
    """Waits until the looks at disk and machine are answered and drawn."""
    async with asyncio.timeout(60):
        while any(worker.group in _LOOKS and not worker.is_finished for worker in pilot.app.workers):
            await pilot.pause()
    await pilot.pause()
