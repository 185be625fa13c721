"""From a song of a data set to what its prompts say; written in `dataset.prompts`."""

from sidestep_tui.dataset.prompts import song_fields

__all__ = ["song_fields"]
