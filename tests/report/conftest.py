"""A recorded training run with songs: events with times of their own, so that the page is the same every time."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.jobs import PreprocessSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform, write_audio
from sidestep_tui.files import write_json_atomic
from sidestep_tui.report.write import Report, write_report
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.history import remember_run
from tests.report.reading import read

BEGAN = 1_760_000_000.0
NOW = BEGAN + 90_000
PROMPT = "slow piano, warm tape, female voice"


def record(run: RunDirectory, events: Iterable[ev.AnyEvent], began: float = BEGAN) -> None:
    """Writes events half a second apart."""
    with run.events_file.open("wb") as file:
        for seq, event in enumerate(events, start=1):
            stamped = msgspec.structs.replace(event, seq=seq, time=began + 0.5 * seq)
            file.write(msgspec.json.encode(stamped) + b"\n")


def set_created(run: RunDirectory) -> None:
    """Fixes the only time that a run directory itself holds."""
    document = json.loads(run.config_file.read_text(encoding="utf-8"))
    write_json_atomic(run.config_file, {**document, "created_at": BEGAN})


def chord(seed: int, seconds: float = 1.0) -> Waveform:
    """Something with a beat, harmonics and noise, [2, samples]; the same for the same seed."""
    random = np.random.default_rng(seed)
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    root = 110 * 2 ** (seed % 12 / 12)
    tones = sum(np.sin(2 * np.pi * root * k * t) / k for k in (1, 1.26, 1.5, 2, 3, 4, 6))
    beat = np.exp(-6 * (t * (2 + seed % 3) % 1))
    sound = 0.12 * tones * (0.3 + beat) + 0.1 * beat * random.normal(size=t.size) * (1 + seed % 2)
    return np.stack([sound, np.roll(sound, 300)]).astype(np.float32)


def training_events(steps: int, song: str) -> Iterator[ev.AnyEvent]:
    """A run of so many steps with a validation every tenth part, noisy but always the same."""
    random = np.random.default_rng(7)
    yield ev.RunStarted(job="train", pid=1, host="gpu-box", device="cuda:0 (NVIDIA L4)", version="1")
    yield ev.Planned(
        total_steps=steps, steps_per_epoch=20, epochs=steps // 20, songs=20, validation_songs=2,
        trainable_parameters=44_040_192, adapted_modules=192,
    )  # fmt: skip
    every = max(1, steps // 10)
    yield _validation(0, steps, song)
    for step in range(1, steps + 1):
        base = 0.45 + 0.5 * math.exp(-4 * step / steps)
        yield ev.StepCompleted(
            step=step, epoch=(step - 1) // 20, loss=None if step == 5 else base * float(random.lognormal(0, 0.35)),
            gradient_norm=0.2 * float(random.lognormal(0, 0.3)), seconds=0.4, data_seconds=0.01,
            learning_rate=1e-4 * min(1, 10 * step / steps) * (1 - 0.9 * step / steps),
        )  # fmt: skip
        if step % every == 0:
            yield _validation(step, steps, song)
            yield ev.CheckpointSaved(step=step, path=f"checkpoints/step-{step:08d}")
    yield ev.StepSkipped(step=steps, reason="the loss is not a number", songs=(song,))
    yield ev.WarningRaised(what="The device's memory is full", where=song, fix="a smaller crop")
    yield ev.CommandApplied(command="set", arguments={"optimizer.learning_rate": "5e-05"}, step=steps // 2)
    yield ev.DeviceSampled(process_bytes=2**31, peak_bytes=7 * 2**30)
    yield ev.CheckpointSaved(step=steps, path="final", kind="final")
    yield ev.RunCompleted(results={"steps": steps, "validation_loss": 0.5125})


def _validation(step: int, steps: int, song: str) -> ev.ValidationCompleted:
    share = step / steps
    held_out = 0.95 - 0.9 * share + 0.6 * share**2
    return ev.ValidationCompleted(
        step=step, loss=held_out, train_loss=0.95 - 0.5 * share,
        bands=(held_out + 0.2, held_out, held_out - 0.2), songs={song: held_out - 0.01, "b.flac": held_out + 0.01},
    )  # fmt: skip


def make_training_run(
    folder: Path, steps: int = 40, name: str = "tune", song: str = "a.mp3", adapter: dict[str, Any] | None = None
) -> RunDirectory:
    """Records a training run; its tensors are those of `make_data_set`."""
    settings = TrainSettings.model_validate(
        {
            "model": {"checkpoint": folder / "acestep-v15-turbo"},
            "data": {"tensors": folder / "tensors", "crop_seconds": 60},
            "adapter": {"rank": 32, **(adapter or {})},
            "optimizer": {"learning_rate": 2e-4},
        }
    )
    run = create_run(folder / name, "train", settings)
    set_created(run)
    record(run, training_events(steps, song))
    run.final.mkdir()
    return run


def make_song(folder: Path, name: str, sound: int, *, seconds: float = 1.0, at: float = 1e5, **settings: Any) -> Path:
    """Records a generate run that wrote a song of the seed `sound` of `chord`, `at` so many seconds.

    `said` are settings that the song alone has.
    """
    said = settings.pop("said", {})
    output = settings.pop("output", folder / f"{name}.wav")
    document = {
        "model": {"checkpoint": folder / "acestep-v15-turbo"}, "prompt": PROMPT, "duration": seconds,
        "output": output, **settings,
    }  # fmt: skip
    run = create_run(folder / "generate" / name, "generate", GenerateSettings.model_validate(document))
    remember_run(run.path)
    write_audio(output, chord(sound, seconds))
    scale = settings.get("adapter_scale", 1.0) if settings.get("adapter") is not None else None
    sample = ev.SampleWritten(path=str(output), prompt=document["prompt"], seed=42, adapter_scale=scale, settings=said)
    record(run, [sample], began=BEGAN + at)
    return output


def make_data_set(folder: Path) -> Path:
    """Three songs, the tensors made from them, and the preprocess run that did it."""
    songs = folder / "songs"
    for place in range(3):
        write_audio(songs / f"song {place}.flac", chord(10 + place))
    manifest = {"dataset": {"name": "Evening songs"}, "songs": [{"key": f"song {place}.flac"} for place in range(3)]}
    write_json_atomic(folder / "tensors" / "manifest.json", manifest)
    settings = PreprocessSettings.model_validate(
        {"model": {"checkpoint": folder / "acestep-v15-turbo"}, "dataset": songs, "output": folder / "tensors"}
    )
    remember_run(create_run(folder / "encoded", "preprocess", settings).path)
    return songs


@pytest.fixture
def training_run(tmp_path: Path) -> Callable[..., RunDirectory]:
    """`training_run(steps=40, name="tune", adapter={…})` records a training run."""
    return partial(make_training_run, tmp_path)


@pytest.fixture
def generated(tmp_path: Path) -> Callable[..., Path]:
    """`generated("a", 3, adapter=…)` records a generate run and gives its song."""
    return partial(make_song, tmp_path)


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """The songs of the training runs."""
    return make_data_set(tmp_path)


@pytest.fixture(scope="session")
def full_report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of a run with everything that a page can have but a sensitivity map. Shared: do not write."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIDESTEP_HOME", str(folder / "home"))
        make_data_set(folder)
        run = make_training_run(folder)
        make_song(folder, "base", 3)
        make_song(folder, "early", 1, adapter=run.path / "checkpoints" / "step-00000008")
        make_song(folder, "final", 10, adapter=run.path / "final", adapter_scale=0.5)
        return write_report(run, folder / "report.html", now=BEGAN + 90_000)


@pytest.fixture
def page(tmp_path):
    """`page(run)` writes the report of a run and reads it."""
    return lambda run, **options: read(write_report(run, tmp_path / "out" / "report.html", now=NOW, **options))


@pytest.fixture(scope="module")
def full(full_report):
    """The page of a run with everything a page can have but a sensitivity map."""
    return read(full_report)
