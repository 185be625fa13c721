"""What to look at before training: everything about a data set that would harm the adapter or end in a surprise."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from sidestep_tui.dataset.duplicates import same_content, same_sound
from sidestep_tui.dataset.effective import effective_caption, is_instrumental
from sidestep_tui.dataset.label_findings import check_labels
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.language import detect_language
from sidestep_tui.dataset.lrc import has_times
from sidestep_tui.dataset.song import Dataset, DatasetMetadata, Finding, Severity, Song
from sidestep_tui.dataset.sound_findings import check_sound
from sidestep_tui.dataset.structure import structure_tags
from sidestep_tui.dataset.text import printable

SHORTEST, LONGEST = 1.0, 600.0
"""Seconds of audio that the model was made for."""
SLOWEST, FASTEST = 30, 300
"""Beats per minute that the model was trained with."""
METERS = frozenset({"2", "3", "4", "6"})
"""Time signatures that the model was trained with."""
_FULL_BANDWIDTH = 32_000
_HTML = re.compile(r"<\s*/?\s*(?:br|p|div|span|html|body|a|b|i|script)\b[^>]*>|&(?:amp|lt|gt|quot|nbsp|#\d+);", re.I)
_FEW_WORDS = 3
_REPEATED_HALF = 8
_LONG_LYRICS = 8
_SURE_OF_LANGUAGE = 0.9
_WRITTEN_ALIKE = {
    "zh": {"zh", "yue", "ja"}, "ru": {"ru", "uk", "bg", "sr"}, "ar": {"ar", "fa", "ur"}, "hi": {"hi", "ne", "sa"},
    "no": {"no", "da"}, "da": {"da", "no"}, "id": {"id", "ms"}, "ms": {"ms", "id"}, "hr": {"hr", "sr"},
    "cs": {"cs", "sk"}, "sk": {"sk", "cs"},
}  # fmt: skip
"""What lyrics may be said to be that are taken for a language: its neighbours in script or in words."""

_Check = Callable[[Song, DatasetMetadata], Finding | None]


def check_dataset(dataset: Dataset, measures: MeasureCache | None = None) -> list[Finding]:
    """All findings of a data set: what its readers noticed, what failed, and what each song and the whole show.

    Reads pieces of the audio files whose sizes are equal, to find copies; decodes nothing.

    Args:
        dataset: the songs.
        measures: what was measured of their sound, to be checked too.

    Returns:
        Errors first, then warnings, then information; within each by song.
    """
    found = [*dataset.findings, *_failed(dataset), *_whole(dataset, measures)]
    for song in dataset.songs:
        found += [finding for check in _CHECKS if (finding := check(song, dataset.metadata)) is not None]
        found += check_labels(song)
        if measures is not None and (known := measures.known(song)) is not None:
            found += check_sound(song, dataset.metadata, known)
    order = list(Severity)
    return sorted(found, key=lambda one: (order.index(one.severity), one.song or "", one.code))


def _failed(dataset: Dataset) -> Iterator[Finding]:
    for failure in dataset.failures:
        yield Finding(Severity.ERROR, "unreadable", f"It is left out: {failure.reason}.", failure.key, failure.fix)


def _whole(dataset: Dataset, measures: MeasureCache | None) -> Iterator[Finding]:
    if not dataset.songs:
        yield Finding(Severity.ERROR, "no-songs", "There is not one song that can be read.", fix="see what failed")
    captions = Counter(song.caption for song in dataset.songs if song.caption)
    for caption, count in captions.items():
        if count > 1 and count == len(dataset.songs):
            message = f'All {count} songs have the same caption: "{printable(caption[:60])}".'
            fix = "describe what sets each song apart; the trigger tag is for what they share"
            yield Finding(Severity.WARNING, "identical-captions", message, fix=fix)
    yield from _copies(dataset, measures)
    yield from _shared_sidecars(dataset)


def _copies(dataset: Dataset, measures: MeasureCache | None) -> Iterator[Finding]:
    """One finding for each song that another holds already, byte for byte or by its sound."""
    fix = "remove one of them; repeat is there for weight"
    told: set[str] = set()
    for keys in same_content(dataset.songs):
        for key in keys[1:]:
            told.add(key)
            yield Finding(Severity.WARNING, "duplicate", f"The file is a copy of {printable(keys[0])}.", key, fix)
    for first, key, differing in same_sound(dataset.songs, measures) if measures is not None else ():
        if key not in told:
            told.add(key)
            message = f"It is the recording of {printable(first)}: {1 - differing:.0%} of their fingerprints agree."
            yield Finding(Severity.WARNING, "same-recording", message, key, fix)


def _shared_sidecars(dataset: Dataset) -> Iterator[Finding]:
    stems: dict[str, list[str]] = defaultdict(list)
    for song in dataset.songs:
        stems[song.key.rpartition(".")[0]].append(song.key)
    for keys in stems.values():
        for key in keys[1:]:
            message = f"It has the same name as {printable(keys[0])} but for the ending: they share lyrics and labels."
            yield Finding(Severity.WARNING, "shared-name", message, key, "remove the worse encoding, or rename it")


def _caption(song: Song, metadata: DatasetMetadata) -> Finding | None:
    if song.caption:
        return None
    prompt = effective_caption(song, metadata)
    consequence = (
        f'the prompt is "{printable(prompt[:40])}"' if prompt else "the model would learn it for the empty prompt"
    )
    fix = "write or generate a caption"
    return Finding(Severity.WARNING, "missing-caption", f"It has no caption; {consequence}.", song.key, fix)


def _lyrics(song: Song, metadata: DatasetMetadata) -> Finding | None:
    if is_instrumental(song, metadata):
        if not song.lyrics:
            return None
        message = "It has lyrics but is marked instrumental; the lyrics are not used."
        return Finding(Severity.WARNING, "unused-lyrics", message, song.key, "set is_instrumental=false")
    if song.lyrics:
        return None
    message = "It has no lyrics and is not marked instrumental; the model would learn the singing as [Instrumental]."
    return Finding(Severity.WARNING, "missing-lyrics", message, song.key, "add NAME.lyrics.txt, or set is_instrumental")


def _lyric_times(song: Song, _: DatasetMetadata) -> Finding | None:
    if not has_times(song.lyrics):
        return None
    return Finding(Severity.WARNING, "lyric-times", "The lyrics hold LRC times.", song.key, "set the lyrics again")


def _lyric_markup(song: Song, _: DatasetMetadata) -> Finding | None:
    if not _HTML.search(song.lyrics):
        return None
    message = "The lyrics hold HTML, probably copied from a web page."
    return Finding(Severity.WARNING, "lyrics-html", message, song.key, "remove the markup")


def _lyric_copies(song: Song, _: DatasetMetadata) -> Finding | None:
    lines = [line for line in song.lyrics.split("\n") if line.strip()]
    half = len(lines) // 2
    if len(lines) % 2 or half < _REPEATED_HALF or lines[:half] != lines[half:]:
        return None
    message = "The second half of the lyrics repeats the first word for word."
    return Finding(Severity.WARNING, "lyrics-twice", message, song.key, "check whether they were pasted twice")


def _structure(song: Song, metadata: DatasetMetadata) -> Finding | None:
    if song.lyrics.count("\n") < _LONG_LYRICS or is_instrumental(song, metadata) or structure_tags(song.lyrics):
        return None
    message = "The lyrics have no structure tags; with them the model learns the song's form."
    return Finding(Severity.INFO, "no-structure-tags", message, song.key, "add lines such as [Verse] and [Chorus]")


def _language(song: Song, metadata: DatasetMetadata) -> Finding | None:
    if not song.lyrics or is_instrumental(song, metadata):
        return None
    if song.language == "unknown":
        return Finding(Severity.WARNING, "missing-language", "The language of the lyrics is unknown.", song.key,
                       "set language, such as language=en")  # fmt: skip
    guess = detect_language(song.lyrics)
    if guess is None or song.language in _WRITTEN_ALIKE.get(guess.code, {guess.code}):
        return None
    if guess.confidence is None:
        message = f"The language is {song.language}, but the lyrics are written as {guess.code} is."
    elif guess.confidence >= _SURE_OF_LANGUAGE:
        message = f"The language is {song.language}, but the lyrics read like {guess.code} ({guess.confidence:.0%})."
    else:
        return None
    fix = f"set language={guess.code} if that is right"
    return Finding(Severity.WARNING, "language-mismatch", message, song.key, fix)


def _tempo(song: Song, _: DatasetMetadata) -> Finding | None:
    if song.bpm is None:
        return Finding(Severity.INFO, "missing-bpm", "The tempo is unknown.", song.key, "set bpm, or add a table")
    if SLOWEST <= song.bpm <= FASTEST:
        return None
    message = f"{song.bpm} beats per minute is outside {SLOWEST} to {FASTEST}, which the model knows."
    return Finding(Severity.WARNING, "bpm-range", message, song.key, "take half or double the tempo")


def _key(song: Song, _: DatasetMetadata) -> Finding | None:
    if song.keyscale:
        return None
    return Finding(Severity.INFO, "missing-key", "The key is unknown.", song.key, "set keyscale, or add a table")


def _meter(song: Song, _: DatasetMetadata) -> Finding | None:
    if not song.timesignature or song.timesignature in METERS:
        return None
    message = f"{song.timesignature} beats in a bar is none of 2, 3, 4 and 6, which the model knows."
    return Finding(Severity.INFO, "timesignature-range", message, song.key)


def _length(song: Song, _: DatasetMetadata) -> Finding | None:
    if song.duration < SHORTEST:
        message = f"It is {song.duration:.2f} s long, too short to learn from."
        return Finding(Severity.ERROR, "too-short", message, song.key, "remove it")
    if song.duration > LONGEST:
        message = f"It is {song.duration / 60:.0f} minutes long; the model was made for ten at most."
        return Finding(Severity.WARNING, "too-long", message, song.key, "split it into songs")
    return None


def _channels(song: Song, _: DatasetMetadata) -> Finding | None:
    if song.audio.channels > 1:
        return None
    message = "It is mono; the adapter will learn that the song has no width."
    return Finding(Severity.INFO, "mono", message, song.key, "use a stereo version if there is one")


def _bandwidth(song: Song, _: DatasetMetadata) -> Finding | None:
    if song.audio.sample_rate >= _FULL_BANDWIDTH:
        return None
    message = f"At {song.audio.sample_rate} Hz nothing above {song.audio.sample_rate // 2} Hz is left of the music."
    return Finding(Severity.WARNING, "low-sample-rate", message, song.key, "use a better source if there is one")


def _tag_twice(song: Song, metadata: DatasetMetadata) -> Finding | None:
    tag = (song.custom_tag or metadata.custom_tag).casefold()
    words = [part.strip().casefold() for part in song.caption.split(",")]
    if not tag or metadata.tag_position == "replace" or tag not in words:
        return None
    message = f'The caption already holds the trigger tag "{printable(tag)}"; the prompt has it twice.'
    return Finding(Severity.WARNING, "tag-twice", message, song.key, "remove the tag from the caption")


def _short_caption(song: Song, _: DatasetMetadata) -> Finding | None:
    if not song.caption or len(song.caption.split()) >= _FEW_WORDS or len(song.caption) > 15:
        return None
    message = f'The caption says little: "{printable(song.caption)}".'
    return Finding(Severity.INFO, "short-caption", message, song.key, "name style, instruments, voice and mood")


def _genre_missing(song: Song, metadata: DatasetMetadata) -> Finding | None:
    wanted = song.prompt_override == "genre" or (metadata.genre_ratio > 0 and song.prompt_override is None)
    if song.genre or not wanted:
        return None
    message = "Its prompt may be the genre, and it has none; the caption takes its place."
    return Finding(Severity.WARNING, "missing-genre", message, song.key, "set genre, or genre_ratio=0")


_CHECKS: tuple[_Check, ...] = (
    _caption, _short_caption, _genre_missing, _tag_twice, _lyrics, _lyric_times, _lyric_markup, _lyric_copies,
    _structure, _language, _tempo, _key, _meter, _length, _channels, _bandwidth,
)  # fmt: skip
