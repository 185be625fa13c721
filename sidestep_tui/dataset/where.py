"""The small languages of the command line: `--where "bpm>150 and language=ja"` and `--set bpm=120`.

Grammar: comparisons of a field with a value by = != > >= < <= ~ (contains), joined by and, or, not and parentheses.
Values with blanks or operators are quoted. `none` stands for "not said". Comparing text ignores case.
"""

import re
from collections.abc import Callable
from operator import ge, gt, le, lt
from typing import Any

from sidestep_tui.dataset.fields import FIELDS, field_named
from sidestep_tui.dataset.song import Song
from sidestep_tui.errors import UsageError

Filter = Callable[[Song], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<operator>!=|>=|<=|==|[=<>~()])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^\s=<>~!()"']+))"""
)
_MEASURED: dict[str, Callable[[Song], Any]] = {
    "path": lambda song: song.key,
    "duration": lambda song: song.audio.duration,
    "sample_rate": lambda song: song.audio.sample_rate,
    "channels": lambda song: song.audio.channels,
    "codec": lambda song: song.audio.codec,
}
_BY_SIZE: dict[str, Callable[[float, float], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le}
_COMPARISONS = ("=", "==", "!=", "~", *_BY_SIZE)
_DEEPEST = 50


def parse_where(text: str) -> Filter:
    """A filter for songs.

    Args:
        text: such as `bpm>150 and not (language=ja or caption~"live")`.

    Raises:
        UsageError: the text is no filter, or names a field that songs do not have.
    """
    return _Parser(text).parse()


def parse_assignment(text: str) -> tuple[str, str | None]:
    """`bpm=120` as a field's name and its value; an empty value or `none` clears the field.

    Raises:
        UsageError: there is no `=`, or no such field.
    """
    name, equals, value = text.partition("=")
    target = field_named(name)
    if not equals:
        raise UsageError("This is no assignment to a field of a song.", where=text, fix="write it like bpm=120")
    if target is None:
        raise UsageError("There is no such field.", where=name, fix=f"use one of {', '.join(FIELDS)}")
    return target.name, None if value.strip().casefold() in {"", "none"} else value


class _Parser:
    """Recursive descent over the tokens: or < and < not < comparison."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._tokenize(text)
        self._place = 0
        self._depth = 0

    def parse(self) -> Filter:
        found = self._either()
        if self._place < len(self._tokens):
            raise self._wrong("something is left over")
        return found

    def _tokenize(self, text: str) -> list[tuple[str, bool]]:
        """Tokens, and whether each was quoted and so is a value."""
        tokens: list[tuple[str, bool]] = []
        place, end = 0, len(text.rstrip())
        while place < end:
            match = _TOKEN.match(text, place, end)
            if match is None:
                raise self._wrong(f"it cannot be read from character {place + 1} on")
            kind = match.lastgroup or "word"
            tokens.append((match[kind], kind in {"double", "single"}))
            place = match.end()
        return tokens

    def _either(self) -> Filter:
        left = self._both()
        while self._takes("or"):
            left = _any_of(left, self._both())
        return left

    def _both(self) -> Filter:
        left = self._one()
        while self._takes("and"):
            left = _all_of(left, self._one())
        return left

    def _one(self) -> Filter:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._wrong("it is nested too deeply")
        found = self._negated_or_grouped()
        self._depth -= 1
        return found

    def _negated_or_grouped(self) -> Filter:
        if self._takes("not"):
            inner = self._one()
            return lambda song: not inner(song)
        if self._takes("("):
            inner = self._either()
            if not self._takes(")"):
                raise self._wrong("a parenthesis is not closed")
            return inner
        name, operator, value = self._next("a field"), self._next("a comparison"), self._next("a value")
        if operator not in _COMPARISONS:
            raise self._wrong(f'"{operator}" is no comparison')
        return _comparison(name, "=" if operator == "==" else operator, value)

    def _takes(self, word: str) -> bool:
        if self._place < len(self._tokens):
            token, quoted = self._tokens[self._place]
            if not quoted and token.lower() == word:
                self._place += 1
                return True
        return False

    def _next(self, wanted: str) -> str:
        if self._place >= len(self._tokens):
            raise self._wrong(f"{wanted} is missing at the end")
        self._place += 1
        return self._tokens[self._place - 1][0]

    def _wrong(self, reason: str) -> UsageError:
        return UsageError(
            f"The filter cannot be used: {reason}.", where=self._text, fix="write it like bpm>150 and language=ja"
        )


def _any_of(left: Filter, right: Filter) -> Filter:
    return lambda song: left(song) or right(song)


def _all_of(left: Filter, right: Filter) -> Filter:
    return lambda song: left(song) and right(song)


def _comparison(name: str, operator: str, value: str) -> Filter:
    get, wanted = _getter(name), _wanted(name, operator, value)
    if operator == "~":
        return lambda song: value.casefold() in str(get(song) or "").casefold()
    if operator in {"=", "!="}:
        equal = operator == "="
        return lambda song: (_comparable(get(song)) == wanted) is equal
    if not isinstance(wanted, float):
        raise UsageError(f"{name} {operator} {value} compares by size, and that needs a number.", where=name)
    return lambda song: _sized(get(song), operator, wanted)


def _getter(name: str) -> Callable[[Song], Any]:
    measured = _MEASURED.get(name.lower())
    if measured is not None:
        return measured
    target = field_named(name)
    if target is None:
        raise UsageError("Songs have no such field.", where=name, fix="use a field of the song, path or duration")
    field_name = target.name
    return lambda song: getattr(song, field_name)


def _wanted(name: str, operator: str, value: str) -> Any:
    """The value in the form in which the field holds it, so that `key=F#m` finds `F# minor`."""
    if value.casefold() in {"none", ""}:
        return None
    target = None if name.lower() in _MEASURED else field_named(name)
    if target is not None and operator in {"=", "!="}:
        try:
            read = target.read(value)
        except ValueError as error:
            raise UsageError(f"{name} never has this value: {error}.", where=value) from error
        return _comparable(target.default if read is None else read)
    try:
        return float(value)
    except ValueError:
        return _comparable(value)


def _comparable(value: Any) -> Any:
    """Empty means "not said"; numbers compare as numbers, texts without case."""
    if value is None or value in ("", "unknown"):
        return None
    if isinstance(value, bool):
        return value
    return float(value) if isinstance(value, int | float) else str(value).casefold()


def _sized(value: Any, operator: str, wanted: float) -> bool:
    """A song that does not say is on neither side. Time signatures are numbers written as text."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return _BY_SIZE[operator](number, wanted)
