"""A small set of encoded songs, and engines that run inside the test's process."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sidestep_tui.config.adapter import AdapterBase
from sidestep_tui.config.base import Section
from sidestep_tui.config.jobs import JOBS, JobName
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.log import read_events
from sidestep_tui.runs.state import RunState, replay

LENGTHS = (60, 75, 50, 60, 41)


def write_songs(folder: Path, model: str, condition_size: int, lengths: tuple[int, ...] = LENGTHS) -> Path:
    """A tensor folder with one song for each length in latent frames."""
    from sidestep_tui.engine.data import manifest as m
    from sidestep_tui.engine.data import tensors as t

    generator = torch.Generator().manual_seed(7)
    entries = []
    for index, frames in enumerate(lengths):
        key, tokens = f"song {index}.wav", 9 + index % 3
        file = m.song_file(key)
        songs = t.SongTensors(
            latent_mean=torch.randn(frames, 64, generator=generator),
            latent_std=torch.full((frames, 64), 0.1),
            condition=torch.randn(tokens, condition_size, generator=generator),
        )
        t.write_song(folder, file, songs)
        entries.append(m.SongEntry(key, file, frames, tokens, f"hash{index}", frames / 25, "prompt", "lyrics"))
    shared = t.SharedTensors(
        silence_latent=torch.randn(200, 64, generator=generator),
        null_condition=torch.randn(1, condition_size, generator=generator),
    )
    t.write_shared(folder, shared)
    m.write_manifest(folder, m.Manifest(model, "turbo", condition_size, {}, tuple(entries)))
    return folder


def trained(
    model: Path,
    folder: Path,
    settings: AdapterBase,
    own: dict[str, tuple[int, float]] | None = None,
    size: float = 0.05,
) -> Path:
    """An adapter with random weights of a trained one's size; `own` gives modules a rank and alpha of their own."""
    from sidestep_tui.acestep import open_checkpoint
    from sidestep_tui.engine.adapters.adapter import adapter_weights, inject_new, save_adapter
    from sidestep_tui.engine.adapters.targets import Target, choose_targets

    checkpoint = open_checkpoint(model)
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    targets = [
        Target(target.module, *own[target.module]) if own and target.module in own else target
        for target in choose_targets(settings, checkpoint.config)
    ]
    config = inject_new(transformer, settings, targets, seed=3)
    generator = torch.Generator().manual_seed(3)
    weights = {
        key: value + size * torch.randn(value.shape, generator=generator)
        for key, value in adapter_weights(transformer).items()
    }
    save_adapter(folder, config, weights, "model")
    return folder


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path / "home"))


@pytest.fixture
def turbo(reference_checkpoint: Callable[[str], Path]) -> Path:
    """The tiny turbo checkpoint in the original layout."""
    return reference_checkpoint("acestep-v15-turbo")


@pytest.fixture
def songs(tmp_path: Path, turbo: Path) -> Path:
    """Five encoded songs of unequal length for `turbo`."""
    from sidestep_tui.acestep import open_checkpoint

    checkpoint = open_checkpoint(turbo)
    return write_songs(tmp_path / "tensors", checkpoint.fingerprint(), checkpoint.config.encoder_hidden_size)


@pytest.fixture
def train_document(turbo: Path, songs: Path) -> dict[str, Any]:
    """Settings of a run of eight steps over four songs, the fifth held out."""
    return {
        "model": {"checkpoint": str(turbo), "device": "cpu"},
        "data": {"tensors": str(songs)},
        "adapter": {"rank": 4, "alpha": 8},
        "optimizer": {"learning_rate": 1e-3},
        "training": {"epochs": 2},
        "checkpoints": {"every_epochs": 1},
        "validation": {"every_epochs": 1},
        "logging": {"tensorboard": False},
    }


class Engine:
    """Makes runs and works on them, as `python -m sidestep_tui.engine` does, inside this process."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def create(self, name: str, job: JobName, document: dict[str, Any]) -> RunDirectory:
        settings: Section = JOBS[job].model_validate(document)
        return create_run(self._home / name, job, settings)

    def work(self, run: RunDirectory) -> tuple[int, RunState]:
        from sidestep_tui.engine.__main__ import main

        code = main([str(run.path)])
        return code, replay(read_events(run.events_file))

    def run(self, name: str, job: JobName, document: dict[str, Any]) -> tuple[RunDirectory, RunState]:
        """Runs a job to its end, which must be a good one."""
        run = self.create(name, job, document)
        code, state = self.work(run)
        assert (code, state.failure) == (0, None), state.failure
        return run, state


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Engines in this process; the test's own signal handlers come back afterwards."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield Engine(tmp_path / "runs")
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def export(engine: Engine, tmp_path: Path) -> Callable[..., tuple[Path, Any]]:
    """`export(adapter, "comfyui", precision="float16")` gives the folder that was written and the results."""

    def run(adapter: Path, form: str, **settings: Any) -> tuple[Path, Any]:
        output = tmp_path / f"exported {form}"
        document = {"adapter": str(adapter), "output": str(output), "format": form}
        _, state = engine.run(f"run {form}", "export", document | settings)
        return output, state.results

    return run
