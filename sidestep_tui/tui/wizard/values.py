"""What people type, as the value of a setting, and the value of a setting as people read it."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sidestep_tui.config.fields import SettingField
from sidestep_tui.config.places import expanded
from sidestep_tui.texts import _

_NEEDS_QUOTES: Final = re.compile(r"""^$|[\s,'"\\\[\]{}]""").search
_YES: Final = ("true", "yes", "on", "1", "y", "t")
_NO: Final = ("false", "no", "off", "0", "n", "f")
"""All that validation would take for a flag as well, so that a document never holds one as a text."""
_KINDS: Final = {
    "integer": _("a whole number"),
    "number": _("a number"),
    "flag": _("on or off"),
    "list": _("several, between commas; quotes around one with blanks"),
}


def parse_value(field: SettingField, text: str) -> Any:
    """The value that a text means for a field. What cannot be understood stays text, for validation to refuse."""
    text = text.strip()
    if field.optional and not text:
        return None
    match field.kind:
        case "integer":
            return _number(int, text)
        case "number":
            return _number(float, text)
        case "flag":
            return True if text.lower() in _YES else False if text.lower() in _NO else text
        case "list":
            return _items(text)
        case "path":
            return str(expanded(text)) if text else ""
        case _:
            return text


def spell_value(value: Any) -> str:
    """A value as it is shown and typed: `64`, `0.0001`, `on`, `q, k, v, o`, `'/my songs', /more`; nothing for None."""
    match value:
        case None:
            return ""
        case bool():
            return "on" if value else "off"
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case list() | tuple():
            return ", ".join(_spell_item(spell_value(item)) for item in value)
        case _:
            return str(value)


def spell_flag(value: Any) -> str:
    """A value as a command-line argument."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            words = [spell_flag(item) for item in value]
            plain_words = words and words != ["none"] and not any(map(_NEEDS_QUOTES, words))
            return ",".join(words) if plain_words else json.dumps(words, ensure_ascii=False)
        case _:
            return spell_value(value)


def _items(text: str) -> list[str] | str:
    """The items of a list, between commas or blanks; quotes as in a shell hold an item with either together."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = ", \t\n", True, ""
    try:
        return list(lexer)
    except ValueError:  # a quote without its end: still being typed
        return text


def _spell_item(word: str) -> str:
    """The item as `_items` reads it back; shlex.quote would leave a comma bare, since to a shell it is plain."""
    if not _NEEDS_QUOTES(word):
        return word
    inside = word.replace("'", "'\"'\"'")
    return f"'{inside}'"


def plain(value: Any) -> Any:
    """A value as JSON would hold it, so that values of models and of documents compare."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def allowed(field: SettingField) -> str:
    """What a field takes, in words: `1 to 1024`, `above 0`, `empty, or 1 to 600 seconds`."""
    unit = _(field.unit)
    words = " | ".join(field.choices) if field.choices else _bounds(field)
    words = f"{words} {unit}".strip()
    return _("empty, or {words}").format(words=words) if field.optional and words else words


def _bounds(field: SettingField) -> str:
    """The numbers that a field takes; its kind where it has no bounds."""
    low, high = (None if bound is None else spell_value(_whole(bound)) for bound in (field.minimum, field.maximum))
    match low is not None, high is not None:
        case False, False:
            words = _KINDS.get(field.kind, "")
        case True, False:
            words = _("above {low}") if field.exclusive_minimum else _("at least {low}")
        case False, True:
            words = _("below {high}") if field.exclusive_maximum else _("at most {high}")
        case _:
            start = _("above {low}") if field.exclusive_minimum else "{low}"
            words = start + (_(" to below {high}") if field.exclusive_maximum else _(" to {high}"))
    return words.format(low=low, high=high)


def _whole(bound: float) -> int | float:
    return int(bound) if bound == int(bound) else bound


def _number(kind: type[int] | type[float], text: str) -> int | float | str:
    try:
        return kind(text)
    except ValueError:
        return text
