"""Completion of folder names while a path is typed."""

import asyncio
import os

from textual.suggester import Suggester

from sidestep_tui.config.places import expanded


class FolderSuggester(Suggester):
    """Completes the last part of a path with the first folder that begins with it."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The whole path with its last part completed, as the user spelled the rest."""
        return await asyncio.to_thread(complete_folder, value)


def complete_folder(text: str) -> str | None:
    """`~/mus` → `~/music/`; None where no folder begins so."""
    if not text:
        return None
    parent, _, start = text.rpartition("/")
    folder = expanded(parent + "/" if "/" in text else ".")
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.startswith(start) and (start.startswith(".") or not entry.name.startswith("."))
                if entry.is_dir()
            )
    except OSError:
        return None
    if not names:
        return None
    return f"{parent}/{names[0]}/" if "/" in text else f"{names[0]}/"
