"""Songs whose tempo, key and metre are known, because this file composes them: MIDI for the labelling benchmark.

Each song is drawn from a style (drum pattern, instruments, usual tempi) by a seeded generator: chords in two sections,
a bass, a melody and drums, played by a hand that is a few milliseconds and a few velocities off, sometimes out of tune
by up to 40 cents, with an introduction without drums, and without drums at all in several styles.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mido

NOTES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
_TICKS_PER_SECOND = 960  # 480 ticks a quarter at 120 quarters a minute: times are written in seconds, tempo is not told
_SECONDS = 50.0
_BASS, _CHORDS, _MELODY, _DRUMS = 0, 1, 2, 9
_KICK, _RIM, _SNARE, _CLAP, _HAT, _OPEN, _RIDE, _TOM = 36, 37, 38, 39, 42, 46, 51, 45
_BASSES, _KEYS, _PADS = (32, 33, 34, 35, 38), (0, 1, 4, 5, 16), (48, 49, 50, 89, 91)
_GUITARS, _LEADS, _SOFT = (24, 25, 26, 27, 29), (56, 65, 66, 80, 81, 87), (0, 40, 68, 71, 73, 11)

# Chords as (degree, kind); the kind overrides the scale's own triad.
_PROGRESSIONS = {
    "major": ("1 5 6 4", "1 6 4 5", "1 4 5 1", "2 5 1 1", "1 3 4 5", "1 4 1 5", "6 4 1 5", "1 5 4 1"),
    "minor": ("1 6 3 7", "1 4 5 1", "1 4 5M 1", "1 7 6 5M", "1 6 4 5M", "1 1 4 5", "1 3 7 4", "6 7 1 1"),
}


@dataclass(frozen=True)
class Style:
    """How songs of one kind are played. A bar is `beats` of `steps` each; patterns are step numbers in the bar."""

    name: str
    tempo: tuple[int, int]
    drums: dict[int, Sequence[int]]
    chords: Sequence[int]
    bass: Sequence[int]
    chord_programs: Sequence[int]
    melody_programs: Sequence[int]
    beats: int = 4
    steps: int = 4
    late: float = 0.0
    """How much of a step every second step comes late: swing."""

    @property
    def metre(self) -> int:
        """As a label: 6 for two beats of three."""
        return 6 if (self.beats, self.steps) in ((2, 6), (2, 3)) else self.beats


_EIGHTHS, _ALL = (0, 2, 4, 6, 8, 10, 12, 14), tuple(range(16))
STYLES = (
    Style("rock", (95, 165), {_KICK: (0, 8, 10), _SNARE: (4, 12), _HAT: _EIGHTHS}, (0, 4, 8, 12), _EIGHTHS,
          (27, 29, 30), (*_LEADS, 30)),
    Style("pop", (85, 132), {_KICK: (0, 6, 8), _SNARE: (4, 12), _HAT: _EIGHTHS}, (0, 6, 10), (0, 6, 8, 14),
          (*_KEYS, *_PADS), (*_LEADS, *_SOFT)),
    Style("house", (118, 130), {_KICK: (0, 4, 8, 12), _CLAP: (4, 12), _OPEN: (2, 6, 10, 14)}, (2, 5, 10, 13),
          (2, 6, 10, 14), (*_KEYS, 90, 62), (80, 81, 87)),
    Style("trance", (132, 145), {_KICK: (0, 4, 8, 12), _OPEN: (2, 6, 10, 14), _HAT: _ALL}, _ALL, (2, 3, 6, 7, 10, 11),
          (81, 90), (80, 81)),
    Style("drum and bass", (168, 178), {_KICK: (0, 10), _SNARE: (4, 12), _HAT: _EIGHTHS}, (0,), (0, 3, 8, 10, 14),
          _PADS, (80, 4, 11)),
    Style("hip hop", (78, 102), {_KICK: (0, 7, 10), _SNARE: (4, 12), _HAT: _EIGHTHS}, (0, 10), (0, 7, 10),
          (4, 5, 0), _SOFT, late=0.3),
    Style("trap", (125, 150), {_KICK: (0, 6, 11), _SNARE: (8,), _HAT: (*_EIGHTHS, 13, 15)}, (0,), (0, 6, 11),
          (*_PADS, 11), (80, 73, 11)),
    Style("reggae", (125, 165), {_KICK: (8,), _RIM: (8,), _HAT: _EIGHTHS}, (4, 12), (0, 3, 6, 8, 14), (16, 27),
          (56, 65, 73)),
    Style("swing", (110, 200), {_RIDE: (0, 4, 7, 8, 12, 15), _HAT: (4, 12)}, (0, 7), (0, 4, 8, 12), (0, 26),
          (56, 65, 66), late=0.5),
    Style("bossa", (110, 150), {_KICK: (0, 6, 8, 14), _RIM: (0, 6, 12), _HAT: _EIGHTHS}, (0, 3, 6, 10, 13),
          (0, 6, 8, 14), (24, 0), (73, 65, 11)),
    Style("metal", (140, 200), {_KICK: _EIGHTHS, _SNARE: (4, 12), _RIDE: (0, 4, 8, 12)}, _EIGHTHS, _EIGHTHS, (30, 29),
          (30, 81)),
    Style("piano ballad", (58, 90), {}, _EIGHTHS, (0, 8), (0, 1, 4), (0, 40, 73)),
    Style("folk", (85, 130), {}, (0, 3, 4, 6, 8, 11, 12, 14), (0, 8), (24, 25), (73, 22, 40)),
    Style("strings", (66, 110), {}, (0, 4, 8, 12), (0, 4, 8, 12), (48, 45), (40, 68, 71)),
    Style("ballad", (60, 80), {_KICK: (0, 8), _SNARE: (4, 12), _HAT: _EIGHTHS}, (0, 8), (0, 6, 8), (*_KEYS, 48),
          _SOFT),
    Style("waltz", (85, 180), {}, (4, 8), (0,), (0, 48, 24), (40, 73, 21), beats=3),
    Style("rock waltz", (85, 150), {_KICK: (0,), _SNARE: (4, 8), _HAT: (0, 2, 4, 6, 8, 10)}, (0, 4, 8), (0, 8),
          _GUITARS, _LEADS, beats=3),
    Style("jazz waltz", (120, 190), {_RIDE: (0, 4, 7, 8), _HAT: (4,), _KICK: (0,)}, (0, 7), (0, 4, 8), (0, 26),
          (65, 66, 11), beats=3, late=0.5),
    Style("slow 6/8", (45, 75), {_KICK: (0, 5), _SNARE: (3,), _HAT: (0, 1, 2, 3, 4, 5)}, (0, 1, 2, 3, 4, 5), (0, 3, 5),
          (0, 27, 24), _SOFT, beats=2, steps=3),
    Style("jig", (95, 130), {_TOM: (0, 2, 3, 5)}, (0, 3), (0, 3), (24, 25), (40, 73, 72), beats=2, steps=3),
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What was composed."""

    name: str
    bpm: float
    tonic: int
    mode: str
    metre: int

    @property
    def key(self) -> str:
        return f"{NOTES[self.tonic]} {self.mode}"


@dataclass(frozen=True)
class _Note:
    start: float
    length: float
    channel: int
    pitch: int
    velocity: int


def compose(seed: int, count: int, folder: Path) -> list[tuple[Truth, Path]]:
    """Writes MIDI files; all keys come before one comes again, and all styles likewise."""
    rng = random.Random(seed)
    keys = [(tonic, mode) for tonic in range(12) for mode in ("major", "minor")]
    rng.shuffle(keys)
    songs = []
    for index in range(count):
        style = STYLES[index % len(STYLES)]
        tonic, mode = keys[index % len(keys)]
        bpm = round(rng.uniform(*style.tempo), 1)
        truth = Truth(f"{seed}-{index:03d} {style.name}", bpm, tonic, mode, style.metre)
        path = folder / f"{seed}-{index:03d}.mid"
        _write(path, _notes(style, truth, rng), _programs(style, rng), rng.choice((0, 0, 0, -40, -20, 20, 40)))
        songs.append((truth, path))
    return songs


def _programs(style: Style, rng: random.Random) -> dict[int, int]:
    return {
        _BASS: rng.choice(_BASSES),
        _CHORDS: rng.choice(style.chord_programs),
        _MELODY: rng.choice(style.melody_programs),
    }


def _notes(style: Style, truth: Truth, rng: random.Random) -> list[_Note]:
    step = 60 / truth.bpm / style.steps
    bars = max(8, round(_SECONDS / (step * style.beats * style.steps)))
    progressions = [rng.choice(_PROGRESSIONS[truth.mode]).split() for _ in range(2)]
    intro = rng.choice((0, 0, 4))
    pitch = truth.tonic + 72
    notes: list[_Note] = []
    for bar in range(bars):
        chord = "1" if bar == bars - 1 else progressions[(bar // 8) % 2][bar % 4]
        tones = _chord(chord, truth)
        start = bar * style.beats * style.steps
        notes += _accompaniment(style, tones, start, rng)
        if bar >= intro:
            notes += _drums(style, start, fill=bar % 8 == 7, rng=rng)
            melody, pitch = _melody(style, truth, tones, start, pitch, rng)
            notes += melody
    return [_played(note, style, step, rng) for note in notes]


def _chord(symbol: str, truth: Truth) -> list[int]:
    """Pitch classes, root first; `5M` is the major dominant of a minor key."""
    scale = MAJOR if truth.mode == "major" else MINOR
    degree = int(symbol[0]) - 1
    tones = [(truth.tonic + scale[(degree + third) % 7]) % 12 for third in (0, 2, 4)]
    if symbol.endswith("M"):
        tones[1] = (tones[0] + 4) % 12
    return tones


def _accompaniment(style: Style, tones: list[int], start: int, rng: random.Random) -> list[_Note]:
    notes = []
    ring = style.beats * style.steps / max(1, len(style.chords))
    for place in style.chords:
        is_arpeggio = len(style.chords) >= 6 and style.name != "metal"
        voices = [tones[place % len(tones)]] if is_arpeggio else tones
        notes += [_Note(start + place, ring, _CHORDS, 55 + (tone - 55) % 12, 72) for tone in voices]
    for place in style.bass:
        tone = tones[0] if place == 0 else rng.choice((tones[0], tones[0], tones[2], tones[1]))
        length = style.beats * style.steps / len(style.bass) * 0.9
        notes.append(_Note(start + place, length, _BASS, 33 + (tone - 33) % 12, 88 if place == 0 else 78))
    return notes


def _drums(style: Style, start: int, *, fill: bool, rng: random.Random) -> list[_Note]:
    notes = [
        _Note(start + place, 0.5, _DRUMS, drum, 100 if drum in (_KICK, _SNARE, _CLAP) else 72)
        for drum, places in style.drums.items()
        for place in places
    ]
    if fill and style.drums:
        last = style.beats * style.steps
        notes += [_Note(start + last - back, 0.5, _DRUMS, rng.choice((_SNARE, _TOM)), 85) for back in (1, 2, 3)]
    return notes


def _melody(
    style: Style, truth: Truth, tones: list[int], start: int, pitch: int, rng: random.Random
) -> tuple[list[_Note], int]:
    """A walk along the scale that stands on chord tones where the beat falls."""
    scale = [(truth.tonic + one) % 12 for one in (MAJOR if truth.mode == "major" else MINOR)]
    notes, place, end = [], 0, style.beats * style.steps
    while place < end:
        length = rng.choice((style.steps, style.steps, max(1, style.steps // 2), style.steps * 2))
        allowed = tones if place % style.steps == 0 else scale
        near = [one for one in range(pitch - 5, pitch + 6) if one % 12 in allowed and 60 <= one <= 84]
        pitch = rng.choice(near or [60 + tones[0]])
        if rng.random() > 0.15:
            notes.append(_Note(start + place, min(length, end - place) * 0.9, _MELODY, pitch, 80))
        place += length
    return notes, pitch


def _played(note: _Note, style: Style, step: float, rng: random.Random) -> _Note:
    """From steps to seconds, with swing and a human hand."""
    late = style.late if style.steps % 2 == 0 and note.start % 2 == 1 else 0.0
    start = max(0.0, (note.start + late) * step + rng.gauss(0.0, 0.006))
    velocity = min(127, max(20, round(note.velocity + rng.gauss(0, 7))))
    return _Note(start, max(0.03, note.length * step), note.channel, note.pitch, velocity)


def _write(path: Path, notes: list[_Note], programs: dict[int, int], cents: int) -> None:
    track = mido.MidiTrack()
    for channel, program in programs.items():
        track.append(mido.Message("program_change", channel=channel, program=program))
        track.append(mido.Message("pitchwheel", channel=channel, pitch=round(cents / 200 * 8192)))
    moments = []
    for note in notes:
        on = {"channel": note.channel, "note": note.pitch}
        moments.append((note.start, 1, mido.Message("note_on", velocity=note.velocity, **on)))
        moments.append((note.start + note.length, 0, mido.Message("note_off", **on)))
    moments.sort(key=lambda one: one[:2])
    now = 0
    for seconds, _, message in moments:
        ticks = round(seconds * _TICKS_PER_SECOND)
        track.append(message.copy(time=ticks - now))
        now = ticks
    mido.MidiFile(tracks=[track], ticks_per_beat=480).save(path)
