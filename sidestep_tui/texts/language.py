"""Which language the interface speaks: what the environment says for one session, what was chosen, or the locale."""

import os
from collections.abc import Iterator
from typing import Final

from sidestep_tui.config.terminal_choices import choose, chosen

SOURCE: Final = "en"
"""The language that the code is written in; it needs no catalogue."""

LANGUAGES: Final = {SOURCE: "English", "zh_CN": "中文"}
"""The languages there are, by the name of their catalogue, each as it calls itself."""

_VARIABLE: Final = "SIDESTEP_LANGUAGE"
_KEY: Final = "language"


def chosen_language() -> str:
    """The first that is said and known: `SIDESTEP_LANGUAGE`, the choice that was kept, the locale; else English."""
    known = (known_language(name) for name in _wanted())
    return next((name for name in known if name is not None), SOURCE)


def remember_language(name: str) -> None:
    """Keeps the choice for the next session.

    Raises:
        SidestepError: the file cannot be written.
    """
    choose(_KEY, name)


def known_language(name: str) -> str | None:
    """The catalogue for a locale's or language's name (`zh`, `zh_CN.UTF-8`, `zh-Hans`); None where there is none."""
    language = name.replace("-", "_").split(".")[0].split("@")[0].split("_")[0].lower()
    return next((known for known in LANGUAGES if known.split("_")[0] == language), None)


def _wanted() -> Iterator[str]:
    yield os.environ.get(_VARIABLE, "")
    kept = chosen(_KEY)
    yield kept if isinstance(kept, str) else ""
    # As in POSIX: the first of these that is set decides alone, and `C` means the texts as they are written.
    yield next((told for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (told := os.environ.get(name))), "")
