"""What a song's texts, labels and file say about it as training material; what its sound says is `sound_findings`."""

import re
from collections.abc import Callable

from sidestep_tui.dataset.captions import comma_parts, word_count
from sidestep_tui.dataset.effective import effective_caption, is_instrumental
from sidestep_tui.dataset.language import detect_language
from sidestep_tui.dataset.lrc import has_times
from sidestep_tui.dataset.song import DatasetMetadata, Finding, Severity, Song, Source
from sidestep_tui.dataset.structure import structure_tags
from sidestep_tui.dataset.text import printable
from sidestep_tui.dataset.treatment import SHORTEST_KEPT
from sidestep_tui.told import told

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


def _caption(song: Song, metadata: DatasetMetadata) -> Finding | None:
    if song.caption:
        return None
    prompt = effective_caption(song, metadata)
    message = told("It has no caption; the model would learn it for the empty prompt.")
    if prompt:
        message = told('It has no caption; the prompt is "{prompt}".', prompt=printable(prompt[:40]))
    return Finding(Severity.WARNING, "missing-caption", message, song.key, told("write or generate a caption"))


def _lyrics(song: Song, metadata: DatasetMetadata) -> Finding | None:
    if is_instrumental(song, metadata):
        if not song.lyrics:
            return None
        message = told("It has lyrics but is marked instrumental; the lyrics are not used.")
        return Finding(Severity.WARNING, "unused-lyrics", message, song.key, told("set is_instrumental=false"))
    if song.lyrics:
        return None
    message = told(
        "It has no lyrics and is not marked instrumental; the model would learn the singing as [Instrumental]."
    )
    fix = told("add NAME.lyrics.txt, or set is_instrumental")
    return Finding(Severity.WARNING, "missing-lyrics", message, song.key, fix)


def _lyrics_or_caption(song: Song, _: DatasetMetadata) -> Finding | None:
    """Other trainers keep the caption in NAME.txt, where ACE-Step has the lyrics: one line is no song."""
    one_line = song.lyrics and "\n" not in song.lyrics and word_count(song.lyrics) >= _FEW_WORDS
    if not one_line or song.caption or song.source("lyrics") is not Source.TEXT_FILE:
        return None
    message = told(
        'The text beside it is read as lyrics, and looks like a caption: "{text}".', text=printable(song.lyrics[:60])
    )
    fix = told("call it NAME.caption.txt, or take it as the caption")
    return Finding(Severity.WARNING, "caption-as-lyrics", message, song.key, fix)


def _lyric_times(song: Song, _: DatasetMetadata) -> Finding | None:
    if not has_times(song.lyrics):
        return None
    message, fix = told("The lyrics hold LRC times."), told("set the lyrics again")
    return Finding(Severity.WARNING, "lyric-times", message, song.key, fix)


def _lyric_markup(song: Song, _: DatasetMetadata) -> Finding | None:
    if not _HTML.search(song.lyrics):
        return None
    message = told("The lyrics hold HTML, probably copied from a web page.")
    return Finding(Severity.WARNING, "lyrics-html", message, song.key, told("remove the markup"))


def _lyric_copies(song: Song, _: DatasetMetadata) -> Finding | None:
    lines = [line for line in song.lyrics.split("\n") if line.strip()]
    half = len(lines) // 2
    if len(lines) % 2 or half < _REPEATED_HALF or lines[:half] != lines[half:]:
        return None
    message = told("The second half of the lyrics repeats the first word for word.")
    return Finding(Severity.WARNING, "lyrics-twice", message, song.key, told("check whether they were pasted twice"))


def _structure(song: Song, metadata: DatasetMetadata) -> Finding | None:
    if song.lyrics.count("\n") < _LONG_LYRICS or is_instrumental(song, metadata) or structure_tags(song.lyrics):
        return None
    message = told("The lyrics have no structure tags; with them the model learns the song's form.")
    fix = told("add lines such as [Verse] and [Chorus]")
    return Finding(Severity.INFO, "no-structure-tags", message, song.key, fix)


def _language(song: Song, metadata: DatasetMetadata) -> Finding | None:
    if not song.lyrics or is_instrumental(song, metadata):
        return None
    if song.language == "unknown":
        message, fix = told("The language of the lyrics is unknown."), told("set language, such as language=en")
        return Finding(Severity.WARNING, "missing-language", message, song.key, fix)
    guess = detect_language(song.lyrics)
    if guess is None or song.language in _WRITTEN_ALIKE.get(guess.code, {guess.code}):
        return None
    if guess.confidence is None:
        message = told(
            "The language is {language}, but the lyrics are written as {heard} is.",
            language=song.language,
            heard=guess.code,
        )
    elif guess.confidence >= _SURE_OF_LANGUAGE:
        message = told(
            "The language is {language}, but the lyrics read like {heard} ({sure:.0%}).",
            language=song.language,
            heard=guess.code,
            sure=guess.confidence,
        )
    else:
        return None
    fix = told("set language={language} if that is right", language=guess.code)
    return Finding(Severity.WARNING, "language-mismatch", message, song.key, fix)


def _tempo(song: Song, _: DatasetMetadata) -> Finding | None:
    if song.bpm is None:
        message, fix = told("The tempo is unknown."), told("set bpm, or add a table")
        return Finding(Severity.INFO, "missing-bpm", message, song.key, fix)
    if SLOWEST <= song.bpm <= FASTEST:
        return None
    message = told(
        "{bpm} beats per minute is outside {slowest} to {fastest}, which the model knows.",
        bpm=song.bpm,
        slowest=SLOWEST,
        fastest=FASTEST,
    )
    return Finding(Severity.WARNING, "bpm-range", message, song.key, told("take half or double the tempo"))


def _key(song: Song, _: DatasetMetadata) -> Finding | None:
    if song.keyscale:
        return None
    message, fix = told("The key is unknown."), told("set keyscale, or add a table")
    return Finding(Severity.INFO, "missing-key", message, song.key, fix)


def _meter(song: Song, _: DatasetMetadata) -> Finding | None:
    if not song.timesignature or song.timesignature in METERS:
        return None
    message = told("{beats} beats in a bar is none of 2, 3, 4 and 6, which the model knows.", beats=song.timesignature)
    return Finding(Severity.INFO, "timesignature-range", message, song.key)


def _length(song: Song, _: DatasetMetadata) -> Finding | None:
    if song.duration < SHORTEST:
        message = told("It is {seconds:.2f} s long, too short to learn from.", seconds=song.duration)
        return Finding(Severity.ERROR, "too-short", message, song.key, told("remove it"))
    if song.duration > LONGEST:
        message = told(
            "It is {minutes:.0f} minutes long; the model was made for ten at most.", minutes=song.duration / 60
        )
        return Finding(Severity.WARNING, "too-long", message, song.key, told("split it into songs"))
    return None


def _trim(song: Song, _: DatasetMetadata) -> Finding | None:
    end = song.duration if song.trim_end is None else min(song.duration, song.trim_end)
    start = song.trim_start or 0.0
    if end - start >= SHORTEST_KEPT or song.duration < SHORTEST or song.trim_start is song.trim_end is None:
        return None
    message = told(
        "From {start:g} s to {end:g} s, as it is trimmed, is less than a second; it is not trimmed.",
        start=start,
        end=end,
    )
    return Finding(Severity.WARNING, "trim-ignored", message, song.key, told("correct trim_start and trim_end"))


def _channels(song: Song, _: DatasetMetadata) -> Finding | None:
    if song.audio.channels > 1:
        return None
    message = told("It is mono; the adapter will learn that the song has no width.")
    return Finding(Severity.INFO, "mono", message, song.key, told("use a stereo version if there is one"))


def _bandwidth(song: Song, _: DatasetMetadata) -> Finding | None:
    if song.audio.sample_rate >= _FULL_BANDWIDTH:
        return None
    message = told(
        "At {rate} Hz nothing above {highest} Hz is left of the music.",
        rate=song.audio.sample_rate,
        highest=song.audio.sample_rate // 2,
    )
    return Finding(Severity.WARNING, "low-sample-rate", message, song.key, told("use a better source if there is one"))


def _tag_twice(song: Song, metadata: DatasetMetadata) -> Finding | None:
    tag = (song.custom_tag or metadata.custom_tag).casefold()
    words = {part.casefold() for part in comma_parts(song.caption)[0]}
    if not tag or metadata.tag_position == "replace" or tag not in words:
        return None
    message = told('The caption already holds the trigger tag "{tag}"; the prompt has it twice.', tag=printable(tag))
    return Finding(Severity.WARNING, "tag-twice", message, song.key, told("remove the tag from the caption"))


def _short_caption(song: Song, _: DatasetMetadata) -> Finding | None:
    if not song.caption or word_count(song.caption) >= _FEW_WORDS or len(song.caption) > 15:
        return None
    message = told('The caption says little: "{caption}".', caption=printable(song.caption))
    return Finding(Severity.INFO, "short-caption", message, song.key, told("name style, instruments, voice and mood"))


def _genre_missing(song: Song, metadata: DatasetMetadata) -> Finding | None:
    wanted = song.prompt_override == "genre" or (metadata.genre_ratio > 0 and song.prompt_override is None)
    if song.genre or not wanted:
        return None
    message = told("Its prompt may be the genre, and it has none; the caption takes its place.")
    return Finding(Severity.WARNING, "missing-genre", message, song.key, told("set genre, or genre_ratio=0"))


SONG_CHECKS: tuple[_Check, ...] = (
    _caption, _short_caption, _genre_missing, _tag_twice, _lyrics, _lyrics_or_caption, _lyric_times, _lyric_markup,
    _lyric_copies, _structure, _language, _tempo, _key, _meter, _length, _trim, _channels, _bandwidth,
)  # fmt: skip
"""Each gives one finding about a song of a data set, or none."""
