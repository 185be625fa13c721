"""Running a run of the history again: its settings come into the wizard, one is changed, and a new run starts."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.optimisation import OptimizerSettings, TrainingSettings
from sidestep_tui.config.train import DataSettings, TrainSettings
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.wizard.screen import WizardScreen

from ..conftest import MakeRun
from .conftest import settle

Settle = Callable[[Pilot[None]], Awaitable[None]]


@pytest.mark.usefixtures("places")
async def test_a_run_is_run_again_with_one_change(
    make_app: Callable[..., SidestepApp], make_run: MakeRun, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[RunDirectory] = []
    monkeypatch.setattr("sidestep_tui.tui.wizard.start.launch", launched.append)
    before = TrainSettings(
        model=ModelSettings(checkpoint=Path("/models/model-turbo")),
        data=DataSettings(tensors=Path("/data/tensors-album")),
        adapter=LoraSettings(rank=48),
        optimizer=OptimizerSettings(learning_rate=3e-4),
        training=TrainingSettings(epochs=77),
    )
    old = make_run("album", settings=before)
    app = make_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await eventually(
            pilot, lambda: app.screen.active_bindings["e"].enabled if "e" in app.screen.active_bindings else False
        )
        await pilot.press("e")
        await eventually(pilot, lambda: isinstance(app.screen, WizardScreen))
        await settle(pilot)
        await pilot.press("slash", *"adapter.rank", "enter", "1", "6", "enter")
        await settle(pilot)
        await pilot.press("s", "end", "enter")
        await pilot.pause()
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(app.screen, MonitorScreen))
    (new,) = launched
    assert new.path != old.path
    assert old.settings() == before
    assert new.settings() == before.model_copy(update={"adapter": LoraSettings(rank=16)})
