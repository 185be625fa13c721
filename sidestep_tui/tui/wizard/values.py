"""What people type, as the value of a setting, and the value of a setting as people read it."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sidestep_tui.config.fields import SettingField

_NEEDS_QUOTES: Final = re.compile(r"""^$|[\s,'"\\\[\]{}]""").search
_KINDS: Final = {
    "integer": "a whole number",
    "number": "a number",
    "flag": "on or off",
    "list": "several, between commas; quotes around one with blanks",
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
            return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(
                text.lower(), text
            )
        case "list":
            return _items(text)
        case "path":
            return str(Path(text).expanduser()) if text else ""
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
            return json.dumps(words, ensure_ascii=False) if any(map(_NEEDS_QUOTES, words)) else ",".join(words)
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
    return shlex.quote(word) if _NEEDS_QUOTES(word) else word


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
    low, high = (None if bound is None else spell_value(_whole(bound)) for bound in (field.minimum, field.maximum))
    match low, high:
        case None, None:
            words = _KINDS.get(field.kind, "")
        case _, None:
            words = f"{'above' if field.exclusive_minimum else 'at least'} {low}"
        case None, _:
            words = f"{'below' if field.exclusive_maximum else 'at most'} {high}"
        case _:
            start = f"above {low}" if field.exclusive_minimum else f"{low}"
            words = f"{start} {'to below' if field.exclusive_maximum else 'to'} {high}"
    words = " | ".join(field.choices) if field.choices else words
    words = f"{words} {field.unit}".strip() if words or field.unit else ""
    return f"empty, or {words}" if field.optional and words else words


def _whole(bound: float) -> int | float:
    return int(bound) if bound == int(bound) else bound


def _number(kind: type[int] | type[float], text: str) -> int | float | str:
    try:
        return kind(text)
    except ValueError:
        return text


def json_text(document: Mapping[str, Any]) -> str:
    """A settings document as the text of a config file."""
    return json.dumps(plain(document), indent=2, ensure_ascii=False) + "\n"
