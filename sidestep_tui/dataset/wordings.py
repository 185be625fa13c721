"""The different ways in which one song is put into words, so that an adapter learns the music and not one sentence.

A caption of several paragraphs holds as many wordings; a caption that is a list of tags gives more by shuffling and
dropping tags. Each is a function of (seed, song, number) and is encoded once; training takes one in every epoch.
"""

import hashlib
import random
from dataclasses import dataclass, replace
from typing import Final, Literal

from sidestep_tui.dataset.captions import comma_parts, paragraphs, word_count
from sidestep_tui.dataset.effective import effective_caption
from sidestep_tui.dataset.song import DatasetMetadata, Song

WordingKind = Literal["caption", "genre"]

_FEWEST_TAGS: Final = 3
_LONGEST_TAG_WORDS: Final = 5


@dataclass(frozen=True, slots=True)
class Wording:
    """One text for the prompt, trigger tag included, and which field of the song it was made of."""

    kind: WordingKind
    text: str


@dataclass(frozen=True, slots=True)
class WordingLaw:
    """How many wordings a song gets.

    Attributes:
        count: captions at most; 1 takes the caption as it stands, paragraphs and all.
        shuffle: put tags into another order.
        dropout: share of the tags that is left out.
        genre: also the genre, where the song has one and does not insist on its caption.
        seed: of the draws.
    """

    count: int = 1
    shuffle: bool = False
    dropout: float = 0.0
    genre: bool = False
    seed: int = 42


def word(song: Song, metadata: DatasetMetadata, law: WordingLaw, *, use_genre: bool) -> tuple[Wording, ...]:
    """All wordings of a song without repetitions; the first is what the data set's own rules choose.

    Args:
        song: of a data set.
        metadata: of the same data set.
        law: how many.
        use_genre: the data set's genre ratio fell on this song.
    """
    genre_first = bool(song.genre) and (
        song.prompt_override == "genre" or (song.prompt_override is None and use_genre) or not song.caption
    )
    captions = [
        Wording("caption", effective_caption(replace(song, caption=text), metadata))
        for text in vary(song.caption, song.key, law)
    ]
    genre = [Wording("genre", effective_caption(song, metadata, use_genre=True))] if song.genre else []
    if song.prompt_override == "genre" or (genre_first and not (law.genre and song.caption)):
        chosen = genre or captions
    elif law.genre and song.prompt_override is None and song.caption:
        chosen = [*genre, *captions] if genre_first else [*captions, *genre]
    else:
        chosen = captions
    return tuple(dict.fromkeys(chosen))


def vary(caption: str, key: str, law: WordingLaw) -> tuple[str, ...]:
    """A caption in at most `law.count` forms: its paragraphs as written, then redrawn lists of tags."""
    if law.count == 1:
        return (caption,)
    written = paragraphs(caption) or (caption,)
    redrawn = (
        _redraw(written[number % len(written)], f"{law.seed}\0{key}\0{number}", law)
        for number in range(len(written), law.count)
    )
    return tuple(dict.fromkeys([*written[: law.count], *redrawn]))


def tags_of(caption: str) -> tuple[str, ...]:
    """The tags of a caption that is a list of them; none for prose, whose commas must stay where they are."""
    tags = tuple(tag for tag in comma_parts(caption)[0] if tag)
    if len(tags) < _FEWEST_TAGS or "\n" in caption or any(word_count(tag) > _LONGEST_TAG_WORDS for tag in tags):
        return ()
    return () if any(". " in tag or "。" in tag or tag.endswith(".") for tag in tags) else tags


def _redraw(caption: str, seed: str, law: WordingLaw) -> str:
    """A list of tags, some dropped, one always kept, the rest in another order; prose as it is."""
    tags = list(tags_of(caption))
    if not tags:
        return caption
    draw = random.Random(hashlib.sha256(seed.encode()).digest())
    kept = [tag for tag in tags if draw.random() >= law.dropout] or [draw.choice(tags)]
    if law.shuffle:
        draw.shuffle(kept)
    return comma_parts(caption)[1].join(kept)
