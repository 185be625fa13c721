"""Figures as the page writes them: numbers, durations, sizes, dates and values of settings."""

import math
import time
from typing import Any, Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def number(value: float | None, digits: int = 4) -> str:
    """So many significant figures; a dash for what is not known or not finite."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def loss(value: float | None) -> str:
    """A loss with four decimals, as the terminal shows it; a dash for what is not known or not finite."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.4f}"


def counted(many: int, noun: str) -> str:
    """So many of a thing: `1 step`, `2 steps`."""
    return f"{count(many)} {noun}{'' if many == 1 else 's'}"


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}".replace(",", "\u202f")


def duration(seconds: float | None) -> str:
    """A length of time in its two largest units."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def size(held: float) -> str:
    """Bytes in the largest unit that leaves at least one."""
    unit = 0
    while held >= 1024 and unit < len(_UNITS) - 1:
        held, unit = held / 1024, unit + 1
    return f"{held:.3g} {_UNITS[unit]}"


def moment(seconds: float) -> str:
    """A point in time, in this machine's time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds)).strip()


def setting(value: Any) -> str:
    """The value of a setting as a flag takes it."""
    match value:
        case None:
            return "none"
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(setting(item) for item in value)
        case _:
            return str(value)
