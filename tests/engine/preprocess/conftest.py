"""Songs as files, and the VAE's work replaced by something quick."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sidestep_tui.dataset.audio import write_audio

RATE = 48_000


def write_song(path: Path, pitch: float, seconds: float = 1.2, rate: int = RATE) -> None:
    time = np.arange(int(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * pitch * time) * np.exp(-3 * (time % 0.25))
    write_audio(path, np.stack([wave, 0.8 * wave]).astype(np.float32), rate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three songs, one of them mono at another rate, with captions and lyrics."""
    songs = tmp_path / "songs"
    for index, suffix in enumerate(("wav", "flac", "ogg")):
        write_song(songs / f"song {index}.{suffix}", 220 * 1.5**index, rate=44_100 if index else RATE)
        (songs / f"song {index}.caption.txt").write_text(f"caption {index}", "utf-8")
    document = {"lyrics": "[Verse]\nsnow on the river", "language": "en", "bpm": 97, "keyscale": "F# minor"}
    document["timesignature"] = "3/4"
    (songs / "song 0.json").write_text(json.dumps(document), "utf-8")
    return songs


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replaces the VAE's work by something quick that still depends on the audio; lengths in samples, song by song."""
    lengths: list[int] = []

    def encode(_vae: object, waveform: torch.Tensor, *_: object) -> tuple[torch.Tensor, torch.Tensor]:
        lengths.append(waveform.shape[1])
        frames = torch.nn.functional.pad(waveform, (0, -waveform.shape[1] % 1920)).unflatten(1, (-1, 1920))
        mean = frames.mean(dim=(0, 2))[:, None].expand(-1, 64).contiguous()
        return mean, torch.full_like(mean, 0.1)

    from sidestep_tui.engine.preprocess import audio as preprocess_audio

    monkeypatch.setattr(preprocess_audio, "encode_audio", encode)
    return lengths


@pytest.fixture
def document(tiny_checkpoint: Path, folder: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "model": {"checkpoint": str(tiny_checkpoint), "device": "cpu"},
        "dataset": str(folder),
        "output": str(tmp_path / "tensors"),
    }
