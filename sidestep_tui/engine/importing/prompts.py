"""What another trainer's sample was told, in the two prompts that samples of a training run are told again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidestep_tui.acestep.model_config import SAMPLE_RATE
from sidestep_tui.dataset.document import read_metadata
from sidestep_tui.dataset.fields import read_record
from sidestep_tui.dataset.prompts import lyric_prompt, song_fields, text_prompt
from sidestep_tui.dataset.song import AudioInfo, DatasetMetadata, Song


def data_set_of(folder: Path) -> DatasetMetadata:
    """What the samples' manifest says of all of them, such as the trigger tag; the defaults where it says nothing."""
    try:
        said = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["metadata"]
        return read_metadata(said)[0] if isinstance(said, Mapping) else DatasetMetadata()
    except (OSError, ValueError, KeyError, TypeError):
        return DatasetMetadata()


def prompts_of(said: Mapping[str, Any], data_set: DatasetMetadata, seconds: float) -> tuple[str, str]:
    """The text prompt and the lyric prompt.

    Args:
        said: the sample's own metadata; what cannot be understood counts as unknown.
        data_set: as `data_set_of` gives it.
        seconds: its length.
    """
    values = read_record(said, song=None, where="metadata").values
    audio = AudioInfo(seconds, SAMPLE_RATE, channels=2, codec="", size=0, mtime_ns=0)
    song = Song(key="", audio_path=Path(), audio=audio, **values)
    fields = song_fields(song, data_set, use_genre=False, duration=seconds)
    return text_prompt(fields), lyric_prompt(fields)
