"""Small jobs for benchmarks, run as people run them: a run directory and an engine process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.tiny import build_tiny_checkpoint
from sidestep_tui.config.jobs import JOBS, JobName
from sidestep_tui.engine.data import manifest, tensors
from sidestep_tui.runs.directory import create_run
from sidestep_tui.runs.events import Event
from sidestep_tui.runs.log import read_events


def build_model(folder: Path) -> Path:
    """The built-in tiny model."""
    build_tiny_checkpoint(folder / "model")
    return folder / "model"


def write_random_songs(folder: Path, model: Path, count: int, frames: int, condition_tokens: int = 200) -> None:
    """A tensor folder with songs of noise for a model."""
    checkpoint = open_checkpoint(model)
    width = checkpoint.config.encoder_hidden_size
    draw = torch.Generator().manual_seed(0)
    entries = []
    for index in range(count):
        key = f"song {index}.wav"
        song = tensors.SongTensors(
            latent_mean=torch.randn(frames, 64, generator=draw),
            latent_std=torch.full((frames, 64), 0.1),
            condition=torch.randn(condition_tokens, width, generator=draw),
        )
        file = manifest.song_file(key)
        tensors.write_song(folder, file, song)
        entry = manifest.SongEntry(key, file, frames, condition_tokens, str(index), frames / 25, "prompt", "lyrics")
        entries.append(entry)
    shared = tensors.SharedTensors(
        silence_latent=checkpoint.silence_latent(), null_condition=torch.randn(1, width, generator=draw)
    )
    tensors.write_shared(folder, shared)
    manifest.write_manifest(
        folder, manifest.Manifest(checkpoint.fingerprint(), checkpoint.variant, width, {}, tuple(entries))
    )


def work(path: Path, job: JobName, document: dict[str, Any]) -> list[Event]:
    """Runs a job in a process of its own, to its end; gives its events."""
    run = create_run(path, job, JOBS[job].model_validate(document))
    subprocess.run([sys.executable, "-m", "sidestep_tui.engine", str(run.path)], check=True)
    return list(read_events(run.events_file))
