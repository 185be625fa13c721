"""What the terminal application remembers about itself between sessions: the colour theme."""

import json
import os
from pathlib import Path

from sidestep_tui.config.places import data_home
from sidestep_tui.files import write_json_atomic
from sidestep_tui.tui.themes import THEMES


def chosen_theme() -> str:
    """The theme named by `SIDESTEP_THEME`, else the one chosen last, else the first; unknown names are passed over."""
    names = [theme.name for theme in THEMES]
    wanted = [os.environ.get("SIDESTEP_THEME"), _remembered()]
    return next((name for name in wanted if name in names), names[0])


def remember_theme(name: str) -> None:
    """Keeps the choice for the next session.

    Raises:
        SidestepError: the file cannot be written.
    """
    write_json_atomic(_file(), {"theme": name})


def _remembered() -> str | None:
    try:
        document = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    theme = document.get("theme") if isinstance(document, dict) else None
    return theme if isinstance(theme, str) else None


def _file() -> Path:
    return data_home() / "terminal.json"
