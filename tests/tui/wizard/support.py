"""What tests of the wizard ask its screen, where they lead it, and an engine that measures at once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from sidestep_tui.config.memory.estimate import GIB
from sidestep_tui.config.preflight import PreflightSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.measured import Measured, remember
from sidestep_tui.tui.wizard.help_pane import HelpPane
from sidestep_tui.tui.wizard.memory_bar import MemoryBar
from sidestep_tui.tui.wizard.review import ActionRow
from sidestep_tui.tui.wizard.rows import SettingRow
from sidestep_tui.tui.wizard.screen import WizardScreen
from sidestep_tui.tui.wizard.state import WizardState
from sidestep_tui.tui.wizard.views import MemoryView


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


def bar(pilot: Pilot[None]) -> MemoryView:
    view = pilot.app.screen.query_one(MemoryBar).view
    assert view is not None
    return view


async def go_to(pilot: Pilot[None], step: str) -> None:
    titles = [line.title for line in state(pilot).step_lines()]
    screen: Any = pilot.app.screen
    await screen.action_jump(titles.index(step))
    await pilot.pause()


async def act(pilot: Pilot[None], key: str) -> None:
    await go_to(pilot, "Review")
    row = next(row for row in pilot.app.screen.query(ActionRow) if row.action.key == key)
    row.focus()
    await pilot.press("enter")
    await pilot.pause()


def one_song(tensors: Path) -> Path:
    """Lets a folder hold the manifest of one encoded song."""
    tensors.mkdir()
    manifest = {"model": "turbo", "songs": [{"frames": 50, "condition_tokens": 9}]}
    (tensors / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return tensors


def measuring_engine(card: str) -> Callable[[RunDirectory], None]:
    """An engine whose preflight on this card is over at once: 4 GiB at the most, half a second a step."""

    def launch(run: RunDirectory) -> None:
        settings = run.settings()
        assert isinstance(settings, PreflightSettings)
        measured = Measured("all", fits=True, free_bytes=8 * GIB, peak_bytes=4 * GIB, seconds=0.5)
        remember(settings.training_run(), card, measured)

    return launch


def finding_engine(card: str, asked: list[str]) -> Callable[[RunDirectory], None]:
    """An engine whose preflight finds half and compiled blocks to be best, and keeps how much it was asked to try."""

    def launch(run: RunDirectory) -> None:
        settings = run.settings()
        assert isinstance(settings, PreflightSettings)
        asked.append(settings.preflight.policies)
        better = {"checkpointing": "half", "compile": True, "graphs": False}
        training = settings.training_run()
        taken = training.model_copy(update={"memory": training.memory.model_copy(update=better)})
        measured = Measured("half", fits=True, free_bytes=8 * GIB, peak_bytes=4 * GIB, seconds=0.25, compile=True)
        remember(taken, card, measured)
        with EventWriter(run.events_file) as log:
            log.write(ev.RunStarted(job="preflight", pid=1, host="box", device="cuda:0", version="0"))
            log.write(ev.RunCompleted(results={"checkpointing": "half", "faster_with": "memory.compile"}))

    return launch
