"""Small songs on disk for the data-set tests."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sidestep_tui.dataset.audio import Waveform, write_audio
from sidestep_tui.dataset.edits import Edit, apply_edits
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.dataset.song import AudioInfo, Dataset, Song

MakeSong = Callable[..., Path]
Scan = Callable[[], Dataset]


def tone(seconds: float = 1.0, sample_rate: int = 8_000, channels: int = 2, frequency: float = 440.0) -> Waveform:
    """A sine at half scale, [channels, samples]."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return np.tile(0.5 * np.sin(2 * np.pi * frequency * time), (channels, 1)).astype(np.float32)


def song(key: str = "a.wav", **fields: object) -> Song:
    """A song that no file stands behind."""
    audio = AudioInfo(120.0, 44_100, 2, "pcm_16", 1_000, 1)
    return Song(key=key, audio_path=Path("/music") / key, audio=audio, **fields)  # type: ignore[arg-type]


DATASET = Dataset(
    root=Path("/music"),
    songs=(
        song("a.wav", bpm=190, language="ja", caption="Fast J-Pop", keyscale="F# minor", timesignature="4"),
        song("b/live.wav", bpm=90, language="en", caption="slow", extra={"tempo": "fast", "theirs": 1}),
        song("c.wav", is_instrumental=True),
    ),
)


def set_fields(dataset: Dataset, keys: Collection[str], changes: Mapping[str, Any]) -> Dataset:
    """Sets fields of the songs with these keys, as a person does."""
    return apply_edits(dataset, (Edit(changes, tuple(keys)),))


@pytest.fixture(autouse=True)
def _cache_in_tmp(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the user's cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder for songs."""
    folder = tmp_path / "songs"
    folder.mkdir()
    return folder


@pytest.fixture
def make_song(root: Path) -> MakeSong:
    """Writes a song and the text files beside it: `make_song("a.wav", **{".json": "…"})`."""

    def make(name: str = "a.wav", /, **beside: str | bytes) -> Path:
        path = root / name
        write_audio(path, tone(), 8_000)
        for suffix, content in beside.items():
            data = content.encode() if isinstance(content, str) else content
            path.with_name(path.name.rpartition(".")[0] + suffix).write_bytes(data)
        return path

    return make


@pytest.fixture
def scan(root: Path) -> Scan:
    """Scans the folder of songs."""
    return lambda: scan_folder(root)
