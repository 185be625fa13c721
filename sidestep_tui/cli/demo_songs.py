"""Six short songs of known tempo and key, synthesised with their sidecars: chords, bass and drums, nothing else."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sidestep_tui.dataset.analysis.key import NOTES
from sidestep_tui.dataset.audio import SAMPLE_RATE, write_audio
from sidestep_tui.files import write_text_atomic

Mono = npt.NDArray[np.float64]

_MAJOR_SCALE: Final = (0, 2, 4, 5, 7, 9, 11)
_MINOR_SCALE: Final = (0, 2, 3, 5, 7, 8, 10)
_A4_MIDI: Final = 69
_CHORD_OCTAVE: Final = 60
_BASS_OCTAVE: Final = 36


@dataclass(frozen=True, slots=True)
class DemoSong:
    """One song.

    Attributes:
        file: its name; the ending is the format.
        tonic: pitch class of the key, 0 is C.
        degrees: the scale degree of the chord of each bar, from 0.
        beats: in a bar.
        told_by: which sidecars say what is known: `files` (caption.txt, lyrics.txt and the table), `json`, or `table`.
    """

    file: str
    bpm: int
    tonic: int
    minor: bool
    degrees: tuple[int, ...]
    beats: int
    caption: str
    lyrics: str
    told_by: str

    @property
    def keyscale(self) -> str:
        """As the model reads it: `F# minor`."""
        return f"{NOTES[self.tonic]} {'minor' if self.minor else 'major'}"

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.degrees) * self.beats * 60 / self.bpm


SONGS: Final = (
    DemoSong(
        "amber street.wav", 120, 0, False, (0, 4, 5), 4, "bright synth pop with a steady kick",
        "[Verse]\nlights along the amber street\n[Chorus]\nkeep the time with me", "files",
    ),
    DemoSong("night ferry.flac", 90, 9, True, (0, 5, 2), 4, "slow minor pads over a deep bass", "", "json"),
    DemoSong("paper boats.ogg", 140, 7, False, (0, 3, 4, 0), 4, "quick major chords, light drums", "", "table"),
    DemoSong(
        "winter lamps.mp3", 104, 2, True, (0, 3, 4), 4, "melancholic synth ballad with soft drums",
        "[Verse]\nwinter lamps are burning low", "files",
    ),
    DemoSong(
        "tin parade.wav", 128, 5, False, (0, 5, 3), 4, "marching drums and a bold bass",
        "[Verse]\nleft and right the tin men go", "json",
    ),
    DemoSong("river waltz.flac", 96, 4, True, (0, 6, 5, 0), 3, "a waltz in a minor key", "", "json"),
)  # fmt: skip


def write_songs(folder: Path) -> None:
    """Writes all six songs and what is known about them.

    Raises:
        SidestepError: the folder cannot be written.
    """
    for index, song in enumerate(SONGS):
        write_audio(folder / song.file, synthesise(song, seed=index), SAMPLE_RATE)
        stem = Path(song.file).stem
        if song.told_by == "json":
            write_text_atomic(folder / f"{stem}.json", json.dumps(_record(song), indent=2))
        if song.told_by == "files":
            write_text_atomic(folder / f"{stem}.caption.txt", song.caption)
            write_text_atomic(folder / f"{stem}.lyrics.txt", song.lyrics)
    _write_table(folder / "tempo and key.csv", [song for song in SONGS if song.told_by != "json"])


def synthesise(song: DemoSong, seed: int) -> npt.NDArray[np.float32]:
    """The song's sound, [2, samples] at 48 kHz, peak 0.8."""
    noise = np.random.default_rng(seed)
    beat = 60 / song.bpm
    left, right = (np.zeros(round(song.seconds * SAMPLE_RATE)) for _ in range(2))
    for bar, degree in enumerate(song.degrees):
        start = bar * song.beats * beat
        for voice, pitch in enumerate(_chord(song, degree)):
            _add((left, right)[voice % 2], start, _tone(_CHORD_OCTAVE + pitch, song.beats * beat, 6, 0.5))
            _add((right, left)[voice % 2], start, 0.5 * _tone(_CHORD_OCTAVE + pitch, song.beats * beat, 6, 0.5))
        for pulse in range(song.beats):
            for side in (left, right):
                at = start + pulse * beat
                _add(side, at, 1.6 * _tone(_BASS_OCTAVE + _chord(song, degree)[0], beat * 0.9, 3, 2.0))
                _add(side, at, _kick() if pulse % 2 == 0 else _burst(noise, 0.15, 18.0))
                _add(side, at + beat / 2, 0.3 * _burst(noise, 0.05, 60.0))
    stereo = np.stack([left, right])
    levelled: npt.NDArray[np.float32] = (0.8 * stereo / np.abs(stereo).max()).astype(np.float32)
    return levelled


def _chord(song: DemoSong, degree: int) -> list[int]:
    """Semitones above C of the triad on a degree of the song's scale."""
    scale = _MINOR_SCALE if song.minor else _MAJOR_SCALE
    steps = (degree, degree + 2, degree + 4)
    return [song.tonic + scale[step % 7] + 12 * (step // 7) for step in steps]


def _tone(midi: int, seconds: float, harmonics: int, decay: float) -> Mono:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    frequency = 440 * 2 ** ((midi - _A4_MIDI) / 12)
    wave = sum(np.sin(2 * np.pi * n * frequency * time) / n**1.5 for n in range(1, harmonics + 1))
    envelope = np.minimum(time / 0.01, 1) * np.minimum((seconds - time) / 0.02, 1) * np.exp(-decay * time)
    tone: Mono = 0.2 * wave * envelope
    return tone


def _kick() -> Mono:
    time = np.arange(round(0.25 * SAMPLE_RATE)) / SAMPLE_RATE
    kick: Mono = np.sin(2 * np.pi * (50 * time + 4 * (1 - np.exp(-30 * time)))) * np.exp(-12 * time)
    return kick


def _burst(noise: np.random.Generator, seconds: float, decay: float) -> Mono:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    burst: Mono = 0.4 * noise.standard_normal(len(time)) * np.exp(-decay * time)
    return burst


def _add(track: Mono, seconds: float, sound: Mono) -> None:
    start = round(seconds * SAMPLE_RATE)
    end = min(start + len(sound), len(track))
    track[start:end] += sound[: end - start]


def _record(song: DemoSong) -> dict[str, Any]:
    record: dict[str, Any] = {
        "caption": song.caption,
        "bpm": song.bpm,
        "keyscale": song.keyscale,
        "timesignature": str(song.beats),
    }
    return record | ({"lyrics": song.lyrics, "language": "en"} if song.lyrics else {"is_instrumental": True})


def _write_table(path: Path, songs: list[DemoSong]) -> None:
    columns: dict[str, Callable[[DemoSong], Any]] = {
        "File": lambda song: song.file,
        "Title": lambda song: Path(song.file).stem,
        "BPM": lambda song: song.bpm,
        "Key": lambda song: song.keyscale,
        "Caption": lambda song: song.caption,
    }
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([read(song) for read in columns.values()] for song in songs)
    write_text_atomic(path, text.getvalue())
