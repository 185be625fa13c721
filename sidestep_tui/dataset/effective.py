"""Which caption and lyrics of a song reach the model, after trigger tag, genre and instrumental have had their say."""

import hashlib

from sidestep_tui.dataset.song import INSTRUMENTAL, Dataset, DatasetMetadata, Song


def effective_caption(song: Song, metadata: DatasetMetadata, *, use_genre: bool = False) -> str:
    """The caption for the prompt, as ACE-Step composes it.

    Args:
        song: its `prompt_override` decides between caption and genre before `use_genre` does.
        metadata: gives the trigger tag, unless the song has its own, and where it goes.
        use_genre: take the genre instead of the caption (the data set's genre ratio fell on this song).

    Returns:
        The text with the tag before or after it, or the tag alone. Where the chosen text is empty the other one takes
        its place (ACE-Step's builder would train on an empty prompt).
    """
    genre_chosen = song.prompt_override == "genre" or (use_genre and song.prompt_override is None)
    text = song.genre or song.caption if genre_chosen else song.caption or song.genre
    tag = song.custom_tag or metadata.custom_tag
    if metadata.tag_position == "replace" and tag:
        return tag
    parts = (tag, text) if metadata.tag_position == "prepend" else (text, tag)
    return ", ".join(part for part in parts if part)


def effective_lyrics(song: Song, metadata: DatasetMetadata) -> str:
    """The lyrics for the model: the song's own, or `[Instrumental]` where nobody sings or nothing is known."""
    return INSTRUMENTAL if is_instrumental(song, metadata) or not song.lyrics else song.lyrics


def is_instrumental(song: Song, metadata: DatasetMetadata) -> bool:
    """Whether nobody sings: what is said of the song, else what is said of the data set if there are no lyrics."""
    if song.is_instrumental is not None:
        return song.is_instrumental
    return metadata.all_instrumental and not song.lyrics


def genre_songs(dataset: Dataset) -> frozenset[str]:
    """The keys of the songs whose prompt is the genre, as many as the data set's genre ratio says.

    The choice depends on the keys alone, so it stays when songs are edited or the folder moves.
    """
    by_hash = sorted(dataset.songs, key=lambda song: hashlib.sha256(song.key.encode()).digest())
    count = len(by_hash) * dataset.metadata.genre_ratio // 100
    return frozenset(song.key for song in by_hash[:count])
