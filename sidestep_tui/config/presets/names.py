"""Names of presets: each is a file name that Linux, macOS and Windows take, in any script.

Letters of every script may be used, but nothing that a file system or a shell reads as something else. Names that
differ in capitals or in how an accent is stored are one name, as macOS and Windows see them.
"""

import unicodedata
from typing import Final

from sidestep_tui.errors import UsageError

_MOST_CHARACTERS: Final = 64
_MOST_BYTES: Final = 200
"""Below the 255 of most file systems, with room for the ending and for a temporary name."""

_PORTS: Final = (f"{port}{number}" for port in ("com", "lpt") for number in range(10))
_RESERVED: Final = frozenset({"con", "prn", "aux", "nul", *_PORTS})
"""Devices on Windows, whatever ending they are given."""

_INSIDE: Final = " ._-"
_AT_THE_END: Final = "_-"


def check_name(name: str) -> str:
    """The name, with accents stored in the composed form (NFC).

    Raises:
        UsageError: it is not a safe file name on every system.
    """
    name = unicodedata.normalize("NFC", name)
    if fix := _objection(name):
        raise UsageError(f"{_shown(name)} cannot be a preset's name.", fix=fix)
    return name


def name_key(name: str) -> str:
    """What two spellings of one name have in common."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _objection(name: str) -> str | None:
    """What to do about a name, or None where it is fine."""
    letters = [character for character in name if _is_letter(character)]
    in_order = bool(name) and _is_letter(name[0]) and (_is_letter(name[-1]) or name[-1] in _AT_THE_END)
    if not in_order or len(letters) + sum(name.count(sign) for sign in _INSIDE) < len(name):
        return "use letters, digits, space, dot, - and _, with a letter or digit first and no dot or space at the end"
    if len(name) > _MOST_CHARACTERS or len(name.encode()) > _MOST_BYTES:
        return f"make it shorter: at most {_MOST_CHARACTERS} characters and {_MOST_BYTES} bytes"
    if unicodedata.normalize("NFKC", name.split(".")[0]).strip().casefold() in _RESERVED:
        return "choose another: on Windows this is the name of a device"
    if name.casefold().endswith(".json"):
        return "leave the .json away: it is the ending of the file"
    return None


def _is_letter(character: str) -> bool:
    """Letters and digits of every script, and the marks that belong to them."""
    return unicodedata.category(character)[0] in "LNM"


def _shown(name: str) -> str:
    return repr(name if len(name) <= _MOST_CHARACTERS else f"{name[:_MOST_CHARACTERS]}…")
