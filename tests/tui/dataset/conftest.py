"""Data sets to review: a small one on disk with everything that can be wrong, and thousands of songs without files."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from sidestep_tui.dataset.audio import write_audio
from sidestep_tui.dataset.session import EditSession
from sidestep_tui.dataset.song import AudioInfo, Dataset, DatasetMetadata, Song
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.dataset.review import Review
from sidestep_tui.tui.dataset.screen import ReviewScreen
from sidestep_tui.tui.dataset.song_table import SongTable

from ..conftest import notes as every_note

Settle = Callable[[Pilot[None]], Awaitable[None]]
OpenReview = Callable[..., AbstractAsyncContextManager[Pilot[None]]]

VERSES = "\n\n".join(
    ("the rain came down\non tin and stone", "oh let it go\noh let it go", "a lamp was lit\nbehind the door",
     "oh let it go\noh let it go")
)  # fmt: skip
SIDECARS: dict[str, dict[str, str]] = {
    "01 waltz.wav": {
        ".caption.txt": "slow waltz, upright piano, brushed drums, a warm female voice",
        ".lyrics.txt": f"[Verse 1]\n{VERSES}",
        ".json": '{"bpm": 92, "keyscale": "F# minor", "timesignature": "3", "language": "en"}',
    },
    "02 rain.wav": {
        ".caption.txt": "indie folk, fingerpicked guitar, rain outside",
        ".lyrics.txt": VERSES + "\n\nlast light",
        ".json": '{"bpm": 340, "keyscale": "Bb major"}',
    },
    "03 [bold]夜に駆ける 🎧.wav": {
        ".caption.txt": "j-pop, fast drums, layered synthesisers, bright female vocals",
        ".lyrics.txt": "[Verse]\n沈むように溶けてゆくように\n二人だけの空が広がる夜に",
        ".json": '{"bpm": 130, "keyscale": "Eb major"}',
    },
    "live/04 \x1b[31mred\u202eeslaf.wav": {".json": '{"genre": "noise rock", "bpm": 166}'},
    "live/05 interlude.wav": {".json": '{"caption": "tape hiss and a slow drone", "is_instrumental": true}'},
    "live/06 שיר ארוך.wav": {".lyrics.txt": "<br>שלום &amp; שלום<br>עולם", ".caption.txt": "oud"},
}


def swell(seconds: float, frequency: float, sample_rate: int = 48_000) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """A tone with a few overtones that rises, falls and bends, [2, samples]."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    loud = 0.4 * np.sin(np.pi * time / seconds) ** 2 * (1 + 0.5 * np.sin(2 * np.pi * time)) / 1.5
    bend = 2 * np.pi * frequency * (time + 0.2 * time**2 / seconds)
    tones = sum(np.sin(part * bend) / part for part in (1, 2, 3, 5, 8))
    return np.stack([loud * tones, loud * np.roll(tones, 40)]).astype(np.float32)


def screen(pilot: Pilot[None]) -> ReviewScreen:
    assert isinstance(pilot.app.screen, ReviewScreen)
    return pilot.app.screen


def table(pilot: Pilot[None]) -> SongTable:
    return screen(pilot).query_one(SongTable)


def drawn(pilot: Pilot[None]) -> list[str]:
    """The lines of the table as they are on the terminal."""
    songs = table(pilot)
    lines = [songs.render_line(y).text.rstrip() for y in range(songs.size.height)]
    return [line for line in lines if line]


def stage(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#stage", Static).render())


def notes(pilot: Pilot[None]) -> str:
    return "\n".join(every_note(pilot.app))


async def type_in(pilot: Pilot[None], text: str) -> None:
    names = {" ": "space", "=": "equals_sign", ">": "greater_than_sign", "@": "at", ".": "full_stop", "-": "minus"}
    await pilot.press(*(names.get(character, character) for character in text))


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Six songs of two seconds, with lyrics, captions and faults."""
    root = tmp_path / "album"
    for number, (name, beside) in enumerate(SIDECARS.items()):
        path = root / name
        write_audio(path, swell(2.0, 110.0 * (number + 1)))
        for suffix, text in beside.items():
            path.with_name(path.name.removesuffix(".wav") + suffix).write_text(text, encoding="utf-8")
    return root


def many_songs(number: int, root: Path) -> Dataset:
    """So many songs that no file stands behind, none like the one before."""
    keys = ("F# minor", "C major", "Bb major", "")
    songs = tuple(
        Song(
            key=f"disc {index // 100:03d}/{index:05d} song.wav",
            audio_path=root / f"{index}.wav",
            audio=AudioInfo(120.0 + index % 200, 44_100, 2, "pcm_16", 1_000_000 + index, 1),
            caption=f"song number {index}, guitar and voice, mood {index % 7}",
            lyrics=f"[Verse]\nline {index}\nsome more of it" if index % 3 else "",
            bpm=60 + index % 120,
            keyscale=keys[index % len(keys)],
            language=("en", "ja", "unknown")[index % 3],
        )
        for index in range(number)
    )
    return Dataset(root=root, songs=songs, metadata=DatasetMetadata(name="many", custom_tag="zzz"))


@pytest.fixture
def many(tmp_path: Path) -> Review:
    """Ten thousand songs under review."""
    return Review(EditSession(many_songs(10_000, tmp_path)))


@pytest.fixture
def open_review(make_app: Callable[..., SidestepApp], settle: Settle) -> OpenReview:
    """Opens a data set through its screen, and waits until it is read, checked and drawn."""

    @asynccontextmanager
    async def opened(path: Path, size: tuple[int, int] = (120, 36), *keys: str) -> Any:
        app = make_app("dataset", path=path)
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await settle(pilot)
            for key in keys:
                await pilot.press(key)
            yield pilot

    return opened
