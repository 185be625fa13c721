"""What people type to find songs: words, a filter as in `--where`, and conditions of the review, in one line.

`love rain` searches words; `bpm>150 and language=ja` filters; `@errors`, `@marked`, `@unreviewed` or the code of a
finding (`@missing-caption`) narrows either of them.
"""

import re
from collections.abc import Callable, Collection
from typing import Final

from sidestep_tui.dataset.song import Severity, Song
from sidestep_tui.dataset.where import Filter, parse_where
from sidestep_tui.errors import UsageError
from sidestep_tui.texts import _
from sidestep_tui.tui.dataset.checks import Checks

_CONDITION: Final = re.compile(r"(?:^|(?<=\s))@(\S+)")
_COMPARISON: Final = re.compile(r"[=<>~]")
_CODE: Final = re.compile(r"[a-z]+(-[a-z]+)*")
_SEVERITIES: Final = {"errors": Severity.ERROR, "warnings": Severity.WARNING, "remarks": Severity.INFO}
HINT: Final = _("words · bpm>150 and language=ja · @errors @warnings @marked @unreviewed")
"""Examples, for an empty line."""


def parse_query(text: str, checks: Checks, marked: Collection[str]) -> Filter:
    """A filter for songs.

    Args:
        text: as typed.
        checks: asked by `@errors` and the like, when the filter is used.
        marked: keys of the marked songs.

    Raises:
        UsageError: the text has a comparison and is no filter, or a condition has no meaning.
    """
    conditions = [_condition(match[1], checks, marked) for match in _CONDITION.finditer(text)]
    rest = _CONDITION.sub(" ", text).strip()
    if rest:
        conditions.append(parse_where(rest) if _COMPARISON.search(rest) else _words(rest))
    return lambda song: all(condition(song) for condition in conditions)


def _condition(name: str, checks: Checks, marked: Collection[str]) -> Filter:
    plain: dict[str, Callable[[Song], bool]] = {
        "marked": lambda song: song.key in marked,
        "reviewed": lambda song: song.reviewed,
        "unreviewed": lambda song: not song.reviewed,
        "heldout": lambda song: song.held_out,
        "findings": lambda song: bool(checks.of(song.key)),
    }
    if name in plain:
        return plain[name]
    if name in _SEVERITIES:
        return lambda song: checks.has(song.key, severity=_SEVERITIES[name])
    if not _CODE.fullmatch(name):
        raise UsageError("There is no such condition.", where=f"@{name}", fix=f"one of @{', @'.join(plain)}, @errors")
    return lambda song: checks.has(song.key, code=name)


def _words(text: str) -> Filter:
    """Songs that hold every one of the words somewhere."""
    words = text.casefold().split()

    def holds(song: Song) -> bool:
        places = (song.key, song.caption, song.genre, song.custom_tag, song.keyscale, song.lyrics)
        held = "\n".join(places).casefold()
        return all(word in held for word in words)

    return holds
