"""How often the analysers of tempo, key and metre are right, on songs composed here and rendered by FluidSynth.

    python bench/labelling.py [--songs 80] [--seeds 1 2] [--held-out 202] [--worst]

Needs `mido` (the `bench` extra) and FluidSynth with the FluidR3 General MIDI soundfont from the system's packages.
librosa, aubio and Essentia are measured too where they are installed. Measures: Accuracy 1 and 2 of MIREX (tempo within
4%; also at 2, 3, 1/2, 1/3 of the truth), the MIREX key score (1 exact, 0.5 a fifth off, 0.3 relative, 0.2 parallel),
the share of right metres, and processor seconds for a song of 50 s: the median, and the first song's. Nothing was tuned
on the held-out seed.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from labelling_songs import NOTES, Truth, compose

from sidestep_tui.dataset.analysis.builtin import analyse
from sidestep_tui.dataset.audio import Waveform, read_audio

_RATE = 44_100
_SOUNDFONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
_TOLERANCE = 0.04
# Krumhansl and Kessler 1982, for librosa, which has chroma but no keys.
_KRUMHANSL = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)


@dataclass(frozen=True)
class Answer:
    """What an analyser said; None for what it does not tell."""

    bpm: float | None
    key: str | None
    metre: str | None


Analyser = Callable[[Waveform], Answer]


def builtin(waveform: Waveform) -> Answer:
    found = analyse(waveform, _RATE)
    return Answer(
        None if found.bpm is None else found.bpm.value,
        None if found.keyscale is None else found.keyscale.value,
        None if found.timesignature is None else found.timesignature.value,
    )


def with_librosa(waveform: Waveform) -> Answer:
    import librosa

    mono = librosa.resample(waveform.mean(axis=0), orig_sr=_RATE, target_sr=22_050)
    tempo = float(np.atleast_1d(librosa.feature.tempo(y=mono, sr=22_050))[0])
    chroma = librosa.feature.chroma_cqt(y=mono, sr=22_050).mean(axis=1)
    return Answer(tempo, _krumhansl_key(chroma), None)


def with_aubio(waveform: Waveform) -> Answer:
    import aubio

    tempo = aubio.tempo("default", 1024, 512, _RATE)
    mono = np.ascontiguousarray(waveform.mean(axis=0), dtype=np.float32)
    for start in range(0, mono.size - 512, 512):
        tempo(mono[start : start + 512])
    return Answer(float(tempo.get_bpm()) or None, None, None)


def with_essentia(waveform: Waveform) -> Answer:
    import essentia.standard as es

    mono = np.ascontiguousarray(waveform.mean(axis=0), dtype=np.float32)
    tempo = float(es.RhythmExtractor2013(method="multifeature")(mono)[0])
    key, scale, _ = es.KeyExtractor(profileType="edma")(mono)
    return Answer(tempo or None, f"{key} {scale}", None)


_OTHERS = (
    ("librosa", "librosa", with_librosa),
    ("aubio", "aubio", with_aubio),
    ("Essentia", "essentia", with_essentia),
)


def _krumhansl_key(chroma: np.ndarray) -> str:
    rows = [np.roll(profile, tonic) for profile in _KRUMHANSL for tonic in range(12)]
    best = int(np.argmax([np.corrcoef(row, chroma)[0, 1] for row in rows]))
    return f"{NOTES[best % 12]} {'major' if best < 12 else 'minor'}"


def tempo_is_right(bpm: float | None, truth: Truth, factors: tuple[float, ...] = (1,)) -> bool:
    return bpm is not None and any(abs(bpm / (truth.bpm * factor) - 1) < _TOLERANCE for factor in factors)


def key_score(key: str | None, truth: Truth) -> float:
    if key is None:
        return 0.0
    note, mode = key.split()
    up = (NOTES.index(note) - truth.tonic) % 12
    if mode == truth.mode:
        return {0: 1.0, 5: 0.5, 7: 0.5}.get(up, 0.0)
    if up == 0:
        return 0.2
    return 0.3 if up == (9 if truth.mode == "major" else 3) else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=80, help="per seed")
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--held-out", type=int, nargs="*", default=[202])
    parser.add_argument("--soundfont", type=Path, default=_SOUNDFONT)
    parser.add_argument("--worst", action="store_true", help="list the songs that the built-in analyser gets wrong")
    parser.add_argument("--analysers", nargs="*", default=["built in", "librosa", "aubio", "Essentia"])
    options = parser.parse_args()
    if shutil.which("fluidsynth") is None or not options.soundfont.exists():
        sys.exit("FluidSynth and its General MIDI soundfont are needed: the packages fluidsynth and fluid-soundfont-gm")
    analysers = {name: one for name, one in _available().items() if name in options.analysers}
    print("| songs | analyser | Accuracy 1 | Accuracy 2 | key score | metre | CPU s/song | first call |")
    print("|---|---|---|---|---|---|---|---|")
    for name, seeds in (("tuned on", options.seeds), ("held out", options.held_out)):
        if not seeds:
            continue
        answers: dict[str, list[tuple[Truth, Answer, float]]] = {one: [] for one in analysers}
        for seed in seeds:
            _answer_all(seed, options.songs, options.soundfont, analysers, answers)
        for analyser, given in answers.items():
            print(_row(f"{name}, {len(given)}", analyser, given), flush=True)
        if options.worst and "built in" in answers:
            _print_worst(answers["built in"])


def _available() -> dict[str, Analyser]:
    analysers: dict[str, Analyser] = {"built in": builtin}
    for name, module, analyser in _OTHERS:
        try:
            __import__(module)
        except ImportError:
            print(f"{name} is not installed and left out", file=sys.stderr)
        else:
            analysers[name] = analyser
    return analysers


def _answer_all(
    seed: int,
    count: int,
    soundfont: Path,
    analysers: dict[str, Analyser],
    answers: dict[str, list[tuple[Truth, Answer, float]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for truth, midi in compose(seed, count, Path(folder)):
            sound = midi.with_suffix(".wav")
            command = ["fluidsynth", "-ni", "-q", "-g", "0.5", "-r", str(_RATE), "-F", sound, soundfont, midi]
            subprocess.run(command, check=True, capture_output=True)
            waveform = read_audio(sound, _RATE)
            sound.unlink()
            for name, analyser in analysers.items():
                before = time.process_time()
                answer = analyser(waveform)
                answers[name].append((truth, answer, time.process_time() - before))


def _row(songs: str, analyser: str, given: list[tuple[Truth, Answer, float]]) -> str:
    first = np.mean([tempo_is_right(answer.bpm, truth) for truth, answer, _ in given])
    second = np.mean([tempo_is_right(answer.bpm, truth, (1, 2, 3, 1 / 2, 1 / 3)) for truth, answer, _ in given])
    keys = [key_score(answer.key, truth) for truth, answer, _ in given if answer.key is not None]
    metres = [answer.metre == str(truth.metre) for truth, answer, _ in given if answer.metre is not None]
    seconds = [spent for *_, spent in given]
    cells = (
        songs,
        analyser,
        f"{first:.1%}",
        f"{second:.1%}",
        f"{np.mean(keys):.3f}" if keys else "–",
        f"{np.mean(metres):.1%}" if metres else "–",
        f"{np.median(seconds):.2f}",
        f"{seconds[0]:.1f}",
    )
    return f"| {' | '.join(cells)} |"


def _print_worst(given: list[tuple[Truth, Answer, float]]) -> None:
    for truth, answer, _ in given:
        right = tempo_is_right(answer.bpm, truth) and answer.key == truth.key and answer.metre == str(truth.metre)
        if not right:
            print(f"{truth.name}: {truth.bpm} {truth.key} {truth.metre}, heard {answer}", file=sys.stderr)


if __name__ == "__main__":
    main()
