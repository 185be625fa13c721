"""Reading the text of a preset that may come from anywhere: what could mislead or hang is refused with the reason."""

import json
import math
import re
from pathlib import Path
from typing import Any, Final

from sidestep_tui.errors import SidestepError

LARGEST_BYTES: Final = 1_000_000
_DEEPEST: Final = 8
_LONGEST_INTEGER: Final = 24
_ADDRESS: Final = re.compile(r"(?P<scheme>https?:)/(?P<rest>[^/].*)")
"""As a path writes it, with one slash of the two."""
_BOM: Final = "\ufeff"
_EXAMPLE: Final = "`sidestep preset export recommended -` shows how one looks"


def read_text(path: Path) -> str:
    """The text of a preset file.

    Raises:
        SidestepError: no regular file, larger than 1 MB, unreadable, or not UTF-8.
    """
    try:
        if not path.is_file():
            raise _no_file(path)
        with path.open("rb") as file:  # never more than is needed to know that it is too large
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SidestepError(
            f"The preset cannot be read: {reason}.", where=path, fix="check the file's permissions"
        ) from error
    if len(data) > LARGEST_BYTES:
        raise _too_large(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SidestepError("The preset is not UTF-8 text.", where=path, fix="save it as UTF-8") from error


def read_object(text: str, where: object) -> dict[str, Any]:
    """The JSON object in a text.

    Raises:
        SidestepError: more than 1 MB, not JSON, not an object, a key twice, a number that is none, nested too deeply,
            or half a character.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_BYTES:
        raise _too_large(where)
    try:
        document = json.loads(
            text.removeprefix(_BOM), object_pairs_hook=_without_twins, parse_constant=_no_number, parse_float=_finite,
            parse_int=_whole,
        )  # fmt: skip
    except RecursionError as error:
        raise _too_deep(where) from error
    except json.JSONDecodeError as error:
        wrong = error.msg.removesuffix(" at")
        what = f"The preset is not JSON: {wrong} at line {error.lineno}, column {error.colno}."
        raise SidestepError(what, where=where, fix="correct it there, or copy the preset once more") from error
    except ValueError as error:
        raise SidestepError(f"The preset cannot be used: {error}.", where=where, fix="correct it") from error
    if not isinstance(document, dict):
        raise SidestepError("A preset is an object: it begins with {.", where=where, fix=_EXAMPLE)
    if _depth(document) > _DEEPEST:
        raise _too_deep(where)
    if _has_half_characters(document):
        raise SidestepError("The preset has half a character in a text.", where=where, fix="write the text anew")
    return document


def _no_file(path: Path) -> SidestepError:
    """What the path is instead: opening a pipe or a device could wait for ever."""
    if path.is_dir():
        return SidestepError("This is a folder, not a preset.", where=path, fix="name a file in it")
    if path.exists():
        return SidestepError("This is not a regular file.", where=path, fix="copy what it gives into a file")
    address = _ADDRESS.search(path.as_posix())
    if address is not None:
        fetched = f"{address['scheme']}//{address['rest']}"
        fix = f"`curl -fL {fetched} | sidestep preset import -` takes what lies there"
        return SidestepError("This is an address, not a file.", where=fetched, fix=fix)
    return SidestepError("There is no such file.", where=path, fix="check the path, or give the preset's text itself")


def _too_large(where: object) -> SidestepError:
    return SidestepError("A preset has at most 1 MB.", where=where, fix="check that this is a preset")


def _too_deep(where: object) -> SidestepError:
    return SidestepError("The preset is nested too deeply.", where=where, fix=_EXAMPLE)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets a key stand twice and readers differ in which counts; a preset must mean one thing."""
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(f"{ascii(key)[:80]} stands in it twice")
        document[key] = value
    return document


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a number that a setting can have")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def _whole(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise ValueError(f"{text[:_LONGEST_INTEGER]}… is too large a number")
    return int(text)


def _depth(value: Any, limit: int = 32) -> int:
    """How deeply objects and lists are nested, counted up to a limit."""
    if limit == 0 or not isinstance(value, dict | list):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(item, limit - 1) for item in inner), default=0)


def _has_half_characters(document: dict[str, Any]) -> bool:
    """Lone surrogates, which `\\ud800` in JSON can spell, have no form in a file."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
