"""The exact text that ACE-Step 1.5 reads about a song, for the encoder, `dataset check` and the review screen alike.

The two templates are those of ACE-Step's own inference handler, byte for byte: line ends and the literal
`<|endoftext|>` are part of what the text encoder was trained with.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sidestep_tui.dataset.effective import effective_caption, effective_lyrics
from sidestep_tui.dataset.song import DatasetMetadata, Song
from sidestep_tui.dataset.values import read_key, read_language, read_timesignature
from sidestep_tui.errors import UsageError

TEXT_TOKEN_LIMIT = 256
"""Tokens of the text prompt that the model reads, the tokenizer's closing token included."""

LYRIC_TOKEN_LIMIT = 2048
"""Tokens of the lyric prompt that the model reads, the tokenizer's closing token included."""

_INSTRUCTION = "Fill the audio semantic mask based on the given conditions:"
_UNKNOWN = "N/A"
_UNKNOWN_LANGUAGE = "unknown"
_TEXT = re.compile(
    r"# Instruction\n.*?\n\n# Caption\n(?P<caption>.*)\n\n# Metas\n- bpm: (?P<bpm>.*?)\n"
    r"- timesignature: (?P<timesignature>.*?)\n- keyscale: (?P<keyscale>.*?)\n"
    r"- duration: (?P<duration>\d+) seconds\n<\|endoftext\|>\n",
    re.DOTALL,
)
_LYRIC = re.compile(r"# Languages\n(?P<language>.*?)\n\n# Lyric\n(?P<lyrics>.*)<\|endoftext\|>", re.DOTALL)


@dataclass(frozen=True)
class SongFields:
    """What is known about a song; None and blank mean unknown.

    Attributes:
        caption: what the music sounds like.
        duration: length of the audio in seconds; the prompt holds its whole seconds.
        lyrics: the words with their section tags; without any the song counts as instrumental.
        language: ISO 639-1 code of the lyrics.
        bpm: beats per minute.
        keyscale: for example `F# minor`.
        timesignature: beats per bar as the model knows them: `2`, `3`, `4` or `6`.
    """

    caption: str
    duration: float
    lyrics: str | None = None
    language: str | None = None
    bpm: int | None = None
    keyscale: str | None = None
    timesignature: str | None = None


_AS_THE_MODEL_READS: Final[Mapping[str, Callable[[object], str | None]]] = {
    "language": read_language,
    "keyscale": read_key,
    "timesignature": read_timesignature,
}


def as_the_model_reads(said: Mapping[str, Any]) -> dict[str, str | None]:
    """Language, key and time signature of what is said of a song, spelled as in a data set: `Em` is `E minor`.

    The model has learned each in one spelling; in another it is a text that it does not know.

    Raises:
        UsageError: one of them cannot be understood.
    """
    read: dict[str, str | None] = {}
    for field, reader in _AS_THE_MODEL_READS.items():
        try:
            read |= {field: reader(said[field])} if field in said else {}
        except ValueError as error:
            raise UsageError(f"{error}.", where=field, fix="correct it, or leave it out") from error
    return read


def text_prompt(song: SongFields) -> str:
    """The prompt that goes through the whole text encoder."""
    bpm = _UNKNOWN if song.bpm is None or song.bpm <= 0 else str(song.bpm)
    metas = (
        f"- bpm: {bpm}\n"
        f"- timesignature: {_or(song.timesignature, _UNKNOWN)}\n"
        f"- keyscale: {_or(song.keyscale, _UNKNOWN)}\n"
        f"- duration: {int(song.duration)} seconds\n"
    )
    return f"# Instruction\n{_INSTRUCTION}\n\n# Caption\n{song.caption}\n\n# Metas\n{metas}<|endoftext|>\n"


def lyric_prompt(song: SongFields) -> str:
    """The prompt of which only the token embeddings are used."""
    language = _or(song.language, _UNKNOWN_LANGUAGE)
    return f"# Languages\n{language}\n\n# Lyric\n{_or(song.lyrics, '[Instrumental]')}<|endoftext|>"


def read_prompts(text: str, lyric: str) -> SongFields | None:
    """What two prompts say about a song, the inverse of `text_prompt` and `lyric_prompt`; None where they are none."""
    told, sung = _TEXT.fullmatch(text), _LYRIC.fullmatch(lyric)
    if told is None or sung is None:
        return None

    def known(value: str) -> str | None:
        return None if value in (_UNKNOWN, _UNKNOWN_LANGUAGE) else value

    return SongFields(
        caption=told["caption"],
        duration=float(told["duration"]),
        lyrics=sung["lyrics"],
        language=known(sung["language"]),
        bpm=int(told["bpm"]) if told["bpm"].isdecimal() else None,
        keyscale=known(told["keyscale"]),
        timesignature=known(told["timesignature"]),
    )


def song_fields(song: Song, metadata: DatasetMetadata, *, use_genre: bool, duration: float) -> SongFields:
    """What the model is told about a song.

    Args:
        song: of a data set.
        metadata: of the same data set; its trigger tag may enter the caption.
        use_genre: the data set's genre ratio fell on this song.
        duration: seconds of audio that the model will hear.
    """
    return SongFields(
        caption=effective_caption(song, metadata, use_genre=use_genre),
        duration=duration,
        lyrics=effective_lyrics(song, metadata),
        language=song.language,
        bpm=song.bpm,
        keyscale=song.keyscale,
        timesignature=song.timesignature,
    )


def _or(value: str | None, fallback: str) -> str:
    return fallback if value is None or not value.strip() else value
