"""Text from the outside world: bytes in any encoding, control characters, names that a terminal must not obey."""

import re
import unicodedata
from dataclasses import dataclass

from charset_normalizer import from_bytes

from sidestep_tui.dataset.east_asian import guess_encoding
from sidestep_tui.dataset.european import guess_european

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)
# Control characters but for tab and line end, halves of surrogate pairs, byte order marks.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]")
_TRAILING_SPACE = re.compile(r"[ \t]+$", re.MULTILINE)

_LONGEST_NAME = 90
"""Bytes, which are 30 characters of Chinese: what is named after a song adds its own, and some disks take 143."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text read from bytes."""

    text: str
    encoding: str
    certain: bool
    """False when the encoding was guessed, so the text deserves a look."""


def decode(data: bytes) -> Decoded:
    """Bytes of a text file in any encoding: byte order mark, then UTF-8, then a statistical guess."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return Decoded(data.decode(encoding), encoding, True)
            except UnicodeDecodeError:
                break
    try:
        return Decoded(data.decode("utf-8"), "utf-8", True)
    except UnicodeDecodeError:
        if (guess := guess_encoding(data) or guess_european(data)) is not None:
            return Decoded(data.decode(guess), guess, False)
        best = from_bytes(data).best()
    if best is None:
        return Decoded(data.decode("latin-1"), "latin-1", False)
    return Decoded(str(best), best.encoding, False)


def clean_text(text: str) -> str:
    """Text as the model may see it: line ends as `\\n`, no terminal escapes, no control characters, no outer blanks."""
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n"))
    return _TRAILING_SPACE.sub("", _INVISIBLE.sub("", text)).strip()


def printable(text: str) -> str:
    """A name or value for one line of a terminal: control and direction characters are shown, not obeyed."""
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else _shown(c) for c in text)


def comparable_name(name: str) -> str:
    """The form in which file names are compared: composed Unicode, folded case, forward slashes."""
    return unicodedata.normalize("NFC", name.replace("\\", "/")).casefold()


def safe_name(text: str) -> str:
    """A part of a file name that every system takes: words of any script joined by hyphens, not too long."""
    letters = "".join(c if unicodedata.category(c)[0] in "LMN" or c == "_" else "-" for c in text)
    words = "-".join(filter(None, letters.split("-")))
    return words.encode()[:_LONGEST_NAME].decode(errors="ignore").strip("-") or "song"


def _shown(character: str) -> str:
    # Emoji are joined by these two; hiding them would tear families and flags apart.
    return character if character in "\u200d\ufe0f" else character.encode("unicode_escape").decode("ascii")
