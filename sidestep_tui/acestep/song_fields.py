"""From a song of a data set to what its prompts say (no torch here: `dataset check` shows it too)."""

from sidestep_tui.acestep.prompts import SongFields
from sidestep_tui.dataset.effective import effective_caption, effective_lyrics
from sidestep_tui.dataset.song import DatasetMetadata, Song


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
