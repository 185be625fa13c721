"""What the terminal application remembers between sessions: the colour theme, and whether the line is thin.

`SIDESTEP_THEME` and `SIDESTEP_LOW_BANDWIDTH` decide for one session. The language is `texts.language`'s.
"""

import os
from typing import Final

from sidestep_tui.config.terminal_choices import choose, chosen
from sidestep_tui.tui.themes import THEMES

LOW_BANDWIDTH: Final = "SIDESTEP_LOW_BANDWIDTH"


def chosen_theme() -> str:
    """The theme named by `SIDESTEP_THEME`, else the one chosen last, else the first; unknown names are passed over."""
    names = [theme.name for theme in THEMES]
    wanted = [os.environ.get("SIDESTEP_THEME"), chosen("theme")]
    return next((name for name in wanted if name in names), names[0])


def remember_theme(name: str) -> None:
    """Keeps the choice for the next session.

    Raises:
        SidestepError: the file cannot be written.
    """
    choose("theme", name)


def low_bandwidth() -> bool:
    """Whether to draw little: `SIDESTEP_LOW_BANDWIDTH` (empty and `0` say no), else what was chosen last."""
    told = os.environ.get(LOW_BANDWIDTH)
    return told not in ("", "0") if told is not None else chosen("low_bandwidth") is True


def remember_low_bandwidth(low: bool) -> None:
    """Keeps the choice for the next session.

    Raises:
        SidestepError: the file cannot be written.
    """
    choose("low_bandwidth", low)
