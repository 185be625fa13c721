"""Text that came from outside (names, captions, paths, log lines), made safe to draw: literal and on one line.

A name with `[brackets]` is no markup, and a name with escape codes must not reach the terminal (it could move the
cursor or recolour the screen). Interface texts of our own never pass through here.
"""

import re
import unicodedata
from typing import Final

from rich.cells import cell_len, set_cell_size
from textual.content import Content

_ESCAPE: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # control sequences: colours, cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # operating-system commands: titles, links
    r"|\x1b[PX^_].*?(?:\x1b\\|$)"  # device control and other strings
    r"|\x1b[ -/]*[0-~]?",  # everything else that starts with an escape
    re.DOTALL,
)
_HIDDEN: Final = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS: Final = {"\u200c", "\u200d"}  # real spelling in Persian, Indic scripts and emoji


def clean(text: str) -> str:
    """The text without escape sequences, control or invisible formatting characters; line breaks become spaces."""
    text = _ESCAPE.sub("", text).replace("\t", "  ")
    text = " ".join(text.splitlines()) if "\n" in text or "\r" in text else text
    return "".join(c for c in text if c.isprintable() or c in _JOINERS or unicodedata.category(c) not in _HIDDEN)


def literal(text: str, style: str = "") -> Content:
    """Outside text as content for a widget: never parsed as markup."""
    return Content.styled(clean(text), style) if style else Content(clean(text))


def shorten(text: str, width: int) -> str:
    """The text in at most `width` terminal cells, cut at the end with `…`; wide characters count two."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + "…" if width > 0 else ""


def shorten_middle(text: str, width: int) -> str:
    """The text in at most `width` cells with its middle cut: a path keeps its first and last part."""
    if cell_len(text) <= width:
        return text
    if width < 8:
        return shorten(text, width)
    return set_cell_size(text, width // 3) + shorten_start(text, width - width // 3)


def shorten_start(text: str, width: int) -> str:
    """The text in at most `width` cells with its start cut: a path keeps its name and the folders next to it."""
    if cell_len(text) <= width:
        return text
    while cell_len(text) > width - 1:
        text = text[1:]
    return f"…{text}"


def pad_left(text: str, width: int) -> str:
    """The text in exactly `width` cells, cut at its end or filled with spaces before it."""
    short = shorten(text, width)
    return " " * (width - cell_len(short)) + short


def pad(text: str, width: int) -> str:
    """The text in exactly `width` cells, cut or filled with spaces."""
    return set_cell_size(shorten(text, width), width)
