"""Templates as the catalogues of the told texts have them: places with plain names, literal braces doubled."""

import ast
import re
from string import Formatter
from typing import Final

_COMMAND: Final = re.compile(r"`[^`]*`")
_PATH: Final = re.compile(r"[a-z_]+\.[a-z_.]+")


def place_name(value: ast.expr, names: dict[str, str]) -> str:
    """The name of a place in a template; the same for the same expression, and no two share one."""
    code = ast.unparse(value)
    if code not in names:
        wanted = _called(value)
        taken = set(names.values())
        further = (f"{wanted}{number}" for number in range(2, 10))
        names[code] = wanted if wanted not in taken else next(each for each in further if each not in taken)
    return names[code]


def _called(value: ast.expr) -> str:
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Call(func=ast.Name(id="len")):
            return "count"
        case ast.Subscript(value=inner) | ast.Call(func=ast.Attribute(value=inner), args=[]):
            return _called(inner)
        case ast.Call(args=[ast.Name() | ast.Attribute() | ast.Subscript() as inner, *_]):
            return _called(inner)
        case _:
            return "value"


def name_of(value: ast.expr) -> str:
    """The last part of a dotted name; empty for anything else."""
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def constant(value: ast.expr) -> str:
    """The text of a literal.

    Raises:
        ValueError: it is put together.
    """
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    raise ValueError(f"a template is written out, which {ast.unparse(value)} is not")


def escaped(text: str) -> str:
    """A text as a template without places."""
    return text.replace("{", "{{").replace("}", "}}")


def without_formats(template: str) -> str:
    """`{seconds:.1f} s` as `{seconds} s`: a value comes to its translation as text."""
    pieces = Formatter().parse(template)
    return "".join(escaped(literal) + (f"{{{name}}}" if name is not None else "") for literal, name, _, _ in pieces)


def has_words(template: str) -> bool:
    """Whether there is anything to translate beside the values, commands in backquotes and paths of settings."""
    own = " ".join(piece for piece, *_ in Formatter().parse(_COMMAND.sub("", template)))
    return any(character.isalpha() for word in own.split() if not _PATH.fullmatch(word) for character in word)
