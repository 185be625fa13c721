"""The prompts under the name by which the model's side knows them; they are written in `dataset.prompts`."""

from sidestep_tui.dataset.prompts import (
    LYRIC_TOKEN_LIMIT,
    TEXT_TOKEN_LIMIT,
    SongFields,
    lyric_prompt,
    song_fields,
    text_prompt,
)

__all__ = ["LYRIC_TOKEN_LIMIT", "TEXT_TOKEN_LIMIT", "SongFields", "lyric_prompt", "song_fields", "text_prompt"]
