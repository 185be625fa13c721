"""What was chosen in the terminal application and holds from then on: one small document beside the runs."""

import json
from pathlib import Path
from typing import Any

from sidestep_tui.config.places import data_home
from sidestep_tui.files import write_json_atomic


def chosen(name: str) -> Any:
    """The value that was chosen last; None where nothing was, or where the document cannot be read."""
    return _document().get(name)


def choose(name: str, value: str | bool) -> None:
    """Keeps a choice for the next session.

    Raises:
        SidestepError: the file cannot be written.
    """
    write_json_atomic(_file(), {**_document(), name: value})


def _document() -> dict[str, Any]:
    try:
        document = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _file() -> Path:
    return data_home() / "terminal.json"
