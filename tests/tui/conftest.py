"""An isolated home for every test, a frozen clock and machine, recorded runs, and pictures of running screens."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from textual.app import App
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input, TextArea

from sidestep_tui.config.base import Section
from sidestep_tui.config.jobs import (
    EstimateSettings,
    ExportSettings,
    GenerateSettings,
    JobName,
    PreprocessSettings,
)
from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.places import runs_home
from sidestep_tui.config.train import DataSettings, TrainSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import log
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.runs.machine import CardSnapshot, MachineSnapshot
from sidestep_tui.tui.app import SidestepApp

from . import patience, recorded, styles

NOW = 1_760_000_000.0
"""The moment at which every test of a screen happens, in seconds since the epoch."""

SIZES = ((80, 24), (120, 36))
"""The terminals that every screen is looked at on."""

MakeApp = Callable[..., SidestepApp]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Eventually = Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]
Matches = Callable[..., bool]
Prepare = Callable[[Pilot[None]], Awaitable[None]]
"""Brings an application to what is to be looked at."""

Looks = Callable[..., bool]

MACHINE = MachineSnapshot(
    cards=(CardSnapshot(0, "NVIDIA GeForce RTX 4090", 24 * 2**30, 9 * 2**30, 0.97, 312.0, 64.0),),
    cards_missing="",
    memory_total=64 * 2**30,
    memory_available=41 * 2**30,
    processor=0.18,
    disk_free=210 * 2**30,
)

_MODEL = ModelSettings(checkpoint=Path("/models/acestep-v15-turbo"))
_SETTINGS = {
    "train": TrainSettings(model=_MODEL, data=DataSettings(tensors=Path("/data/tensors"))),
    "preprocess": PreprocessSettings(model=_MODEL, dataset=Path("/data/songs"), output=Path("/data/tensors")),
    "estimate": EstimateSettings(model=_MODEL, tensors=Path("/data/tensors"), output=Path("/data/ranking.json")),
    "generate": GenerateSettings(model=_MODEL, output=Path("/data/song.wav"), prompt="a slow waltz"),
    "export": ExportSettings(adapter=Path("/data/final"), output=Path("/data/adapter")),
}


class MakeRun(Protocol):
    """Records a run; see `make_run`."""

    def __call__(
        self,
        name: str,
        job: JobName = "train",
        events: Sequence[ev.Event] = (),
        *,
        settings: Section | None = None,
        start: float = NOW - 3600,
        gap: float = 0.5,
    ) -> RunDirectory: ...


@pytest.fixture(autouse=True)
def sidestep_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty SIDESTEP_HOME of the test's own."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("SIDESTEP_HOME", str(home))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("SIDESTEP_THEME", raising=False)
    return home


@pytest.fixture(autouse=True)
def still_cursors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cursors do not blink: how long a loaded machine takes for a picture must not be seen in it."""
    for widget in (Input, TextArea):
        monkeypatch.setattr(widget, "cursor_blink", False)


@pytest.fixture(autouse=True)
def patient_pilots(monkeypatch: pytest.MonkeyPatch) -> None:
    """See `patience`."""
    patience.wait_for_what_is_asked(monkeypatch)


@pytest.fixture(autouse=True)
def styles_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each application reads the same style sheets, which is a tenth of what it does to draw its first screen."""
    monkeypatch.setattr(Stylesheet, "_parse_rules", styles.parse_once)


@pytest.fixture
def make_run(monkeypatch: pytest.MonkeyPatch) -> MakeRun:
    """Makes a run in the usual place, made at `start`, with one event every `gap` seconds from then on."""

    def make(
        name: str,
        job: JobName = "train",
        events: Sequence[ev.Event] = (),
        *,
        settings: Section | None = None,
        start: float = NOW - 3600,
        gap: float = 0.5,
    ) -> RunDirectory:
        times = iter(start + gap * index for index in range(len(events) + 1))
        frozen = SimpleNamespace(time=lambda: next(times))
        with monkeypatch.context() as patch:
            patch.setattr("sidestep_tui.runs.directory.time", frozen)
            run = create_run(runs_home() / name, job, settings or _SETTINGS[job])
            patch.setattr(log, "time", frozen)
            with EventWriter(run.events_file) as writer:
                for event in events:
                    writer.write(event)
        return run

    return make


@pytest.fixture
def make_app() -> MakeApp:
    """The application on the frozen clock and the frozen machine; arguments as those of its start screen."""

    def make(start_screen: str = "home", **arguments: object) -> SidestepApp:
        return SidestepApp(start_screen, clock=lambda: NOW, machine=lambda: MACHINE, arguments=arguments)

    return make


@pytest.fixture
def settle() -> Settle:
    """Waits until the threads of the screen have read what there is and it is drawn."""

    async def wait(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    return wait


@pytest.fixture
def eventually() -> Eventually:
    """Lets the application work until a condition holds; for what a question or a thread stands in the way of."""

    async def wait(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await pilot.pause()

    return wait


@pytest.fixture
def training_events() -> Events:
    """`recorded.training_events`: the events of a training run after so many steps."""
    return recorded.training_events


@pytest.fixture
def looks(snap_compare: Any, settle: Settle) -> Looks:
    """Whether an application looks as it did, once it has read everything and `prepare` was done with it."""

    def compare(app: SidestepApp, size: tuple[int, int], prepare: Prepare = _nothing) -> bool:
        async def run(pilot: Pilot[None]) -> None:
            await settle(pilot)
            await prepare(pilot)
            await pilot.pause()

        same: bool = snap_compare(app, terminal_size=size, run_before=run)
        return same

    return compare


async def _nothing(_pilot: Pilot[None]) -> None:
    """What is there at once is what is to be seen."""


@pytest.fixture
def sensitivity_event() -> Callable[[int], ev.SensitivityUpdated]:
    """`recorded.sensitivity_event`: a ranking of layers after so many batches."""
    return recorded.sensitivity_event


@pytest.fixture
def matches(looks: Looks) -> Matches:
    """Whether an application looks as it did, once it has read everything and taken `keys`."""

    def compare(app: SidestepApp, size: tuple[int, int], *keys: str) -> bool:
        async def press(pilot: Pilot[None]) -> None:
            for key in keys:
                await pilot.press(key)
                reading = [worker for worker in pilot.app.workers if worker.group == "follow"]  # not open questions
                if reading:
                    await pilot.app.workers.wait_for_complete(reading)
                await pilot.pause()

        return looks(app, size, press)

    return compare


def shown(app: App[object]) -> str:
    """The text on the terminal."""
    return "\n".join(strip.text for strip in strips(app))


def strips(app: App[Any]) -> list[Strip]:
    """The lines of the terminal with their colours, of which Textual openly gives nothing but a picture."""
    return app.screen._compositor.render_strips()


def notes(app: App[Any]) -> list[str]:
    """What the notes say that are up, the oldest first.

    Textual's own list of them: their toasts are not in a pilot's picture, which they would make one of their timing.
    """
    return [note.message for note in app._notifications]
