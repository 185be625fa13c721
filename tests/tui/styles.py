"""Style sheets that are parsed once for all applications of a process, with whatever variables they were parsed."""

from typing import Any

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

_PARSE = Stylesheet._parse_rules
_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


def parse_once(sheet: Stylesheet, css: str, *where: Any, **options: Any) -> list[RuleSet]:
    """The rules of a text, which Textual itself keeps and uses again as long as an application lives."""
    key = (css, where, tuple(options.items()), tuple(sheet._variables.items()))
    if key not in _parsed:
        _parsed[key] = _PARSE(sheet, css, *where, **options)
    return _parsed[key]
