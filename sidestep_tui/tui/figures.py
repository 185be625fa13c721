"""Figures as people read them: durations, ages, sizes, counts, losses."""

import math
from typing import TYPE_CHECKING, Final

from sidestep_tui.texts import _

if TYPE_CHECKING:
    from sidestep_tui.runs.events import DeviceSampled
    from sidestep_tui.runs.machine import CardSnapshot

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def duration(seconds: float | None) -> str:
    """`8 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`; `–` where it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return _("{whole} s").format(whole=whole)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return _("{minutes} min {rest:02d} s").format(minutes=minutes, rest=rest)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("{hours} h {minutes:02d} min").format(hours=hours, minutes=minutes)
    return _("{days} d {hours} h").format(days=hours // 24, hours=hours % 24)


def age(seconds: float) -> str:
    """`now`, `5 min`, `3 h`, `12 d`: how long ago, in one short word."""
    if seconds < 60:
        return _("now")
    if seconds < 3600:
        return _("{minutes} min").format(minutes=int(seconds // 60))
    if seconds < 48 * 3600:
        return _("{hours} h").format(hours=int(seconds // 3600))
    return _("{days} d").format(days=int(seconds // 86400))


def size(count: float | None) -> str:
    """Bytes as `512 B`, `3.2 MiB`, `14 GiB`: two figures that matter."""
    if count is None:
        return "–"
    value, unit = float(count), 0
    while value >= 1023.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 9.95 else f"{value:.1f} {_UNITS[unit]}"


def number(value: float | None, digits: int = 4) -> str:
    """A loss, a norm or a rate with `digits` significant figures; `–` for none, `NaN` where it was not finite."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "NaN"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        mantissa, _, exponent = f"{value:.{digits - 2}e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"
    short = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e" in short else short  # 1250 is no longer than 1.25e+03, and a tick of a chart has room


def share(value: float | None) -> str:
    """A share of 1 as per cent."""
    return "–" if value is None else f"{100 * value:.0f} %"


def count(value: int) -> str:
    """A whole number with thin groups: `100 000`."""
    return f"{value:,}".replace(",", " ")


def load(card: "CardSnapshot | DeviceSampled") -> tuple[str, str, str]:
    """How busy, how hungry and how hot a card is: `97 %`, `312 W`, `64 °C`; empty what its driver does not tell."""
    return (
        "" if card.utilisation is None else share(card.utilisation),
        "" if card.power_watts is None else f"{card.power_watts:.0f} W",
        "" if card.temperature is None else f"{card.temperature:.0f} °C",
    )
