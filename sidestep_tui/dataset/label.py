"""Fills what is missing from the sound itself: tempo, key, time signature, and the language from the lyrics.

What is there already is never touched. Every guess keeps how sure it is and the next best value, until a person sets
the field. The result is a stream of edits: what is applied as it comes survives a crash, and the next call goes on.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from sidestep_tui.dataset.analysis import by_essentia
from sidestep_tui.dataset.analysis.builtin import analyse
from sidestep_tui.dataset.analysis.result import Analyser, Analysis, Guess
from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform, read_audio
from sidestep_tui.dataset.audio_stream import stream_audio
from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.language import detect_language
from sidestep_tui.dataset.measure import Measures, measure, measure_pieces
from sidestep_tui.dataset.probe import Progress
from sidestep_tui.dataset.song import Belief, Dataset, DatasetMetadata, Finding, Severity, Song, Source
from sidestep_tui.dataset.sound_findings import check_sound
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.told import told

HEARD_FIELDS: Final = ("bpm", "keyscale", "timesignature")
"""Fields that the sound tells."""
LABEL_FIELDS: Final = (*HEARD_FIELDS, "language")
"""Fields that are labelled without any provider."""
UNREADABLE: Final = "unreadable-audio"
"""The finding of a song that cannot be decoded."""
BUILTIN: Final = "builtin"
ANALYSERS: Final[Mapping[str, Analyser]] = {BUILTIN: analyse, "essentia": by_essentia.analyse}
LONGEST_HEARD: Final = 900.0
"""Seconds from which tempo, key and metre are told, so that a recording of hours fits into the memory."""
_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Labels:
    """What the labelling of one song gave."""

    key: str
    edit: Edit | None = None
    """None where nothing was missing, or nothing could be told."""
    findings: tuple[Finding, ...] = ()
    """What the sound shows, or why it could not be read."""


def label_dataset(
    dataset: Dataset,
    fields: Collection[str] = LABEL_FIELDS,
    analyser: Analyser = analyse,
    progress: Progress | None = None,
    *,
    keys: Collection[str] | None = None,
    measures: MeasureCache | None = None,
    analyser_name: str = BUILTIN,
) -> Iterator[Labels]:
    """Labels songs one after another, two at a time; apply each edit as it comes.

    Args:
        dataset: the songs.
        fields: what to fill, of `LABEL_FIELDS`.
        analyser: tells tempo, key and metre.
        progress: called with songs done and songs in all.
        keys: the songs; all without it.
        measures: remembers loudness, clipping, silence and the like; without it the sound is not measured, and songs
            with nothing missing are not decoded.
        analyser_name: kept with every guess.

    Yields:
        One result for each song, in the order of the data set.

    Raises:
        UsageError: a field that cannot be told from the sound. A song that cannot be read is a finding.
    """
    check_fields(fields)
    chosen = None if keys is None else frozenset(keys)
    songs = [song for song in dataset.songs if chosen is None or song.key in chosen]
    labeller = _Labeller(frozenset(fields), analyser, analyser_name, measures, dataset.metadata)
    return _in_parallel(songs, labeller.label, progress)


def check_fields(fields: Collection[str]) -> None:
    """Raises UsageError where a field cannot be told from the sound."""
    unknown = next((name for name in fields if name not in LABEL_FIELDS), None)
    if unknown is not None:
        raise UsageError(
            "This field cannot be labelled offline.", where=unknown, fix=f"use some of {', '.join(LABEL_FIELDS)}"
        )


def missing_fields(song: Song, fields: Collection[str]) -> tuple[str, ...]:
    """Which of the fields nobody has said anything about; an instrumental misses no language."""
    return tuple(name for name in LABEL_FIELDS if name in fields and _is_missing(song, name))


@dataclass(frozen=True, slots=True)
class _Labeller:
    fields: frozenset[str]
    analyser: Analyser
    name: str
    measures: MeasureCache | None
    metadata: DatasetMetadata

    def label(self, song: Song) -> Labels:
        missing = missing_fields(song, self.fields)
        heard = [name for name in missing if name in HEARD_FIELDS]
        known = self.measures.known(song) if self.measures is not None else None
        changes, beliefs = _language(song) if "language" in missing else ({}, {})
        findings: list[Finding] = []
        if heard or (self.measures is not None and known is None):
            try:
                waveform = read_audio(song.audio_path, SAMPLE_RATE, max_seconds=LONGEST_HEARD)
                if self.measures is not None and known is None:
                    known = _measure(song, waveform)
                    self.measures.store(song, known)
            except SidestepError as error:
                return Labels(song.key, None, (_unreadable(song, error),))
            if heard:
                self._listen(waveform, heard, changes, beliefs)
                findings += _heard_in_part(song)
        if known is not None:
            findings += check_sound(song, self.metadata, known)
        edit = Edit(changes, (song.key,), Source.GUESSED, beliefs) if changes else None
        return Labels(song.key, edit, tuple(findings))

    def _listen(
        self, waveform: Waveform, missing: list[str], changes: dict[str, Any], beliefs: dict[str, Belief]
    ) -> None:
        heard = _as_texts(self.analyser(waveform, SAMPLE_RATE))
        for name in missing:
            guess = heard[name]
            if guess is not None:
                changes[name] = guess.value
                beliefs[name] = Belief(self.name, round(guess.confidence, 3), guess.second)


def _measure(song: Song, beginning: Waveform) -> Measures:
    """The measures of a whole song; one that goes on after its beginning is read again, piece by piece."""
    return measure(beginning) if song.duration <= LONGEST_HEARD else measure_pieces(stream_audio(song.audio_path))


def _heard_in_part(song: Song) -> list[Finding]:
    if song.duration <= LONGEST_HEARD:
        return []
    message = told("Tempo, key and metre were told from its first {minutes:.0f} minutes.", minutes=LONGEST_HEARD / 60)
    return [Finding(Severity.INFO, "heard-in-part", message, song.key, told("split it into songs"))]


def _as_texts(analysis: Analysis) -> dict[str, Guess[str] | None]:
    """The guesses as fields are written; tempi are whole numbers."""
    return {
        "bpm": None if analysis.bpm is None else _whole(analysis.bpm),
        "keyscale": analysis.keyscale,
        "timesignature": analysis.timesignature,
    }


def _whole(tempo: Guess[float]) -> Guess[str]:
    second = None if tempo.second is None else str(math.floor(tempo.second + 0.5))
    return Guess(str(math.floor(tempo.value + 0.5)), tempo.confidence, second)


def _language(song: Song) -> tuple[dict[str, Any], dict[str, Belief]]:
    guess = detect_language(song.lyrics)
    if guess is None:
        return {}, {}
    by = "script" if guess.confidence is None else "py3langid"
    return {"language": guess.code}, {"language": Belief(by, guess.confidence)}


def _is_missing(song: Song, name: str) -> bool:
    if name == "language":
        return song.language == "unknown" and bool(song.lyrics) and not song.is_instrumental
    return not getattr(song, name)


def _unreadable(song: Song, error: SidestepError) -> Finding:
    return Finding(Severity.ERROR, UNREADABLE, f"It cannot be heard: {error.what}", song.key, error.fix)


def _in_parallel(songs: list[Song], label: Callable[[Song], Labels], progress: Progress | None) -> Iterator[Labels]:
    """Decoding and Fourier transforms let go of the interpreter, so threads do; results come in order."""
    if progress is not None:
        progress(0, len(songs))
    pool = ThreadPoolExecutor(_WORKERS)
    try:
        for done, labels in enumerate(pool.map(label, songs), 1):
            if progress is not None:
                progress(done, len(songs))
            yield labels
    finally:  # a caller that stops listening does not wait for the songs that are left
        pool.shutdown(wait=False, cancel_futures=True)
