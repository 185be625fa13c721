"""An isolated home for every test, a frozen clock and machine, recorded runs, and pictures of running screens."""

import asyncio
import math
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Protocol

import pytest
from textual.app import App
from textual.pilot import Pilot

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

NOW = 1_760_000_000.0
"""The moment at which every test of a screen happens, in seconds since the epoch."""

SIZES = ((80, 24), (120, 36))
"""The terminals that every screen is looked at on."""

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
    monkeypatch.delenv("SIDESTEP_THEME", raising=False)
    return home


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
def make_app() -> Callable[..., SidestepApp]:
    """The application on the frozen clock and the frozen machine; arguments as those of its start screen."""

    def make(start_screen: str = "home", **arguments: object) -> SidestepApp:
        return SidestepApp(start_screen, clock=lambda: NOW, machine=lambda: MACHINE, arguments=arguments)

    return make


@pytest.fixture
def settle() -> Callable[[Pilot[None]], Awaitable[None]]:
    """Waits until the threads of the screen have read what there is and it is drawn."""

    async def wait(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    return wait


@pytest.fixture
def eventually() -> Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]]:
    """Lets the application work until a condition holds; for what a question or a thread stands in the way of."""

    async def wait(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await pilot.pause()

    return wait


@pytest.fixture
def training_events() -> Callable[..., list[ev.Event]]:
    """The events of a training run after `steps` of `total` steps; a validation and a checkpoint every 100."""

    def make(steps: int, total: int = 1200, *end: ev.Event) -> list[ev.Event]:
        events: list[ev.Event] = [started("train"), ev.PhaseChanged(phase="training"), _planned(total)]
        for step in range(1, steps + 1):
            events.append(_step(step, total))
            if step % 100 == 0:
                loss = 0.75 * math.exp(-step / 200) + 0.42
                bands = (0.6 * loss, loss, 1.4 * loss)
                events.append(ev.ValidationCompleted(step=step, loss=loss, train_loss=loss - 0.05, bands=bands))
                events.append(ev.CheckpointSaved(step=step, path=f"checkpoints/step-{step:08d}"))
        memory = ev.DeviceSampled(
            process_bytes=3 * 2**30,
            device_bytes=9 * 2**30,
            device_total_bytes=24 * 2**30,
            utilisation=0.97,
            power_watts=312.0,
            temperature=64.0,
        )
        return [*events, memory, *end]

    return make


@pytest.fixture
def sensitivity_event() -> Callable[[int], ev.SensitivityUpdated]:
    """A ranking of 24 layers after so many of 24 batches: the middle layers' attention reacts most."""

    def make(batches: int) -> ev.SensitivityUpdated:
        parts = [f"{block}.{p}_proj" for block in ("self_attn", "cross_attn") for p in "qkvo"]
        parts += [f"mlp.{name}_proj" for name in ("gate", "up", "down")]
        modules = [
            ev.ModuleSensitivity(
                module=f"layers.{layer}.{part}",
                sensitivity=math.exp(-abs(layer - 14) / 4 - index / 3),
                stderr=0.1 * math.exp(-abs(layer - 14) / 4 - index / 3),
            )
            for layer in range(24)
            for index, part in enumerate(parts)
        ]
        ranked = tuple(sorted(modules, key=lambda module: -module.sensitivity))
        return ev.SensitivityUpdated(batches_done=batches, batches_total=24, modules=ranked)

    return make


def started(job: JobName) -> ev.RunStarted:
    """The first event of a run."""
    return ev.RunStarted(job=job, pid=1, host="box", device="cuda:0", version="0.1.0")


def _planned(total: int) -> ev.Planned:
    return ev.Planned(
        total_steps=total,
        steps_per_epoch=20,
        epochs=total // 20,
        songs=20,
        validation_songs=1,
        trainable_parameters=44_040_192,
        adapted_modules=192,
    )


def _step(step: int, total: int) -> ev.StepCompleted:
    wave = math.sin(step * 12.9898) * 43758.5453  # scattered, and the same in every test
    timestep = (step * 0.618) % 1
    loss = 0.9 * math.exp(-step / 150) + 0.3 + 0.2 * (wave - math.floor(wave))
    return ev.StepCompleted(
        step=step,
        epoch=step // 20,
        loss=loss,
        gradient_norm=0.5 + (wave - math.floor(wave)),
        learning_rate=1e-4 * min(1.0, step / 100) * (0.5 + 0.5 * math.cos(math.pi * step / total)),
        seconds=0.42,
        data_seconds=0.01,
        timesteps=(timestep,),
        losses=(loss * (0.5 + timestep),),
    )


def shown(app: App[object]) -> str:
    """The text on the terminal."""
    lines = (strip.text for strip in app.screen._compositor.render_strips())
    return "\n".join(lines)


def save_picture(app: App[object], path: Path) -> None:
    """Writes what a running app shows as SVG at `path`, and as PNG beside it where `rsvg-convert` is installed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    svg = app.export_screenshot()
    path.write_text(svg, encoding="utf-8")
    converter = shutil.which("rsvg-convert")
    if converter:
        spaced = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)  # it drops spaces at the ends of a text else
        subprocess.run([converter, "--output", str(path.with_suffix(".png"))], input=spaced.encode(), check=True)
