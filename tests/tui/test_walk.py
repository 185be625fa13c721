"""A walk through the whole application: each key that a screen offers is pressed once, and every way in leads out.

From every screen that keys and choices lead to, each of its keys is pressed, on whatever row of its list offers it.
None may raise. Escape leads back from wherever it led, `q` closes a dialog in which nothing is typed and leaves
Side-Step from everywhere else, help tells the keys, and beside each arrow a vim key does the same.
"""

import pkgutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from textual.screen import Screen

from sidestep_tui import tui
from sidestep_tui.config.presets.keeping import save_preset
from sidestep_tui.config.presets.preset import Preset
from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import launch, standing
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset import encode_screen

from .conftest import Events, MakeApp, MakeRun, Settle
from .walking import Walk


@pytest.fixture
def starts(
    make_run: MakeRun,
    training_events: Events,
    sensitivity_event: Callable[[int], ev.SensitivityUpdated],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[dict[str, tuple[str, dict[str, object]]]]:
    """A world with something for every key, where no engine and no queue can start; where to begin, by name."""
    monkeypatch.setattr(launch, "launch", lambda _run: None)
    monkeypatch.setattr(standing, "resume_queue", lambda _file: None)
    monkeypatch.setattr(encode_screen, "find_models", lambda: ())
    events = training_events(150)
    living, dead = make_run("living", events=events), make_run("dead", events=events)
    waiting = make_run("waiting")
    made = ev.RunStarted(job="estimate", pid=1, host="box", device="cpu", version="0")
    ranked = make_run("ranked", "estimate", [made, sensitivity_event(24), ev.RunCompleted()])
    encoded = make_run("encoded", "preprocess", [ev.Progress(done=3, total=3, unit="songs"), ev.RunCompleted()])
    save_preset(Preset("my own", "", {"adapter": {"rank": 24}}))
    standing.set_paused(True)
    for run in (dead, waiting):
        standing.add(run)
    for index in range(2):
        write_audio(tmp_path / "album" / f"{index}.wav", np.zeros((2, 48_000), dtype=np.float32))
    with ExitStack() as stack:
        stack.enter_context(living.held())
        yield {
            "home": ("home", {}),
            "queue": ("queue", {}),
            "wizard": ("wizard", {}),
            "presets": ("presets", {}),
            "dataset": ("dataset", {"path": tmp_path / "album"}),
            "monitor of a living run": ("monitor", {"run": living}),
            "monitor of a dead run": ("monitor", {"run": dead}),
            "monitor of a ranking": ("monitor", {"run": ranked}),
            "monitor of songs": ("monitor", {"run": encoded}),
        }


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[SidestepApp]:
    """Applications that were told to leave, which they do not."""
    told: list[SidestepApp] = []
    monkeypatch.setattr(SidestepApp, "exit", lambda app: told.append(app))
    return told


@pytest.mark.slow
async def test_every_key_works_and_every_way_leads_back(
    starts: dict[str, tuple[str, dict[str, object]]], make_app: MakeApp, settle: Settle, exits: list[SidestepApp]
) -> None:
    pressed: dict[type[Screen[object]], set[str]] = {}
    for name, arguments in starts.values():
        app = make_app(name, **arguments)
        async with app.run_test(size=(120, 36)) as pilot:
            await settle(pilot)
            await settle(pilot)
            await Walk(pilot, pressed, exits).over(app.screen)
    for screen in screens_of_the_code() - set(pressed):
        assert named_in_a_test(screen), f"{screen.__name__} is not on the walk, and no other test knows it"


def screens_of_the_code() -> set[type[Screen[object]]]:
    """Every screen and dialog that can be opened and takes keys."""
    found: set[type[Screen[object]]] = set()
    for module in pkgutil.walk_packages(tui.__path__, "sidestep_tui.tui."):
        for one in vars(import_module(module.name)).values():
            if isinstance(one, type) and issubclass(one, Screen) and one.__module__ == module.name:
                found.add(one)
    closed = {one for one in found if not any(issubclass(other, one) and other is not one for other in found)}
    return {one for one in closed if "BINDINGS" in vars(one)}


def named_in_a_test(screen: type[Screen[object]]) -> bool:
    """Whether any test of the terminal application speaks of this class."""
    here = Path(__file__)
    return any(screen.__name__ in path.read_text() for path in here.parent.rglob("test_*.py") if path != here)
