"""Which calls in the code have texts for people, and where in the call these stand."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Telling:
    """Where a call has texts for people: at which places, under which keywords."""

    places: tuple[int, ...] = ()
    keywords: tuple[str, ...] = ()
    only_in: tuple[str, ...] = ("",)


_ERROR: Final = Telling((0,), ("what", "fix"))
_TELLING: Final = {
    "ValueError": Telling((0,), only_in=("config", "dataset", "runs")),  # what validators and readers of fields say
    "warn": Telling((0, 2), ("what", "fix"), only_in=("engine",)),
    "warn_once": Telling((0, 2), ("what", "fix"), only_in=("engine",)),
    "phase": Telling((0, 1), ("phase", "detail"), only_in=("engine",)),
    "during": Telling((0, 1), ("phase", "detail"), only_in=("engine",)),
    "StopRequestedError": Telling((0,)),
    "RunFailed": Telling((), ("what", "fix"), only_in=("engine",)),
    "StepSkipped": Telling((), ("reason",)),
    "Failure": Telling((1, 2), ("reason", "fix"), only_in=("dataset",)),
    "Finding": Telling((2, 4), ("message", "fix"), only_in=("dataset",)),
    "Problem": Telling((1,), ("message",), only_in=("config",)),
    "Chosen": Telling((1,), ("reason",), only_in=("config",)),
    "Note": Telling((3,), ("why",), only_in=("config",)),
}
TOLD_ALREADY: Final = frozenset({"what", "fix", "reason", "message", "problem", "why", "detail", "told"})
"""Attributes that hold a text which was told where it was made."""

SILENT: Final = ("cli/", "report/")
"""What these say goes to standard error of a command, in English."""

MARKS: Final = frozenset({"told", "told_many", "_", "ngettext", "spoken"})


def telling_of(name: str, file: str, errors: frozenset[str]) -> Telling | None:
    """Where a call of this name has texts for people; None where it has none.

    Args:
        name: of the function or class that is called.
        file: where the call stands, below the package.
        errors: the names of the classes of errors.
    """
    if name in errors:
        return _ERROR
    telling = _TELLING.get(name)
    return telling if telling and file.startswith(telling.only_in) else None
