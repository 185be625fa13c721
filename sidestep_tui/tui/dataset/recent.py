"""The data sets that were opened last, remembered between sessions."""

import json
from pathlib import Path

from sidestep_tui.config.places import data_home, expanded, is_there
from sidestep_tui.files import write_json_atomic

_MOST = 9


def recent_datasets() -> list[Path]:
    """Folders and files that are still there, the last one first."""
    try:
        held = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    paths = [Path(text) for text in held if isinstance(text, str)] if isinstance(held, list) else []
    return [path for path in paths if is_there(path)]


def remember_dataset(path: Path) -> None:
    """Puts a data set at the top.

    Raises:
        SidestepError: the list cannot be written.
    """
    path = expanded(path).absolute()
    paths = [path, *(one for one in recent_datasets() if one != path)]
    write_json_atomic(_file(), [str(one) for one in paths[:_MOST]])


def _file() -> Path:
    return data_home() / "datasets.json"
