"""Which East Asian encoding a short text is in: a line of a table is too little for statistics of whole languages.

Each of these character sets keeps the characters of daily use together (level 1 of GB 2312, JIS X 0208 and Big5, the
Hangul of KS X 1001). Text read in the wrong one of them falls outside of that part, and Japanese has kana besides.
"""

from collections.abc import Callable
from typing import Final

_FEWEST: Final = 3
_LAST_ASCII: Final = 0x7F
_MOST_ARE_COMMON: Final = 0.8


def guess_encoding(data: bytes) -> str | None:
    """The encoding in which most characters beyond ASCII are of daily use; None where none fits well.

    Of several that fit equally well the first is taken: Hangul, read as Chinese, is all level 1, but hardly ever is
    Chinese, read as Korean, all Hangul.
    """
    shares = {encoding: _share(data, encoding) for encoding in _COMMON}
    best = max(shares, key=lambda encoding: shares[encoding])
    return best if shares[best] >= _MOST_ARE_COMMON else None


def _share(data: bytes, encoding: str) -> float:
    try:
        beyond = [character for character in data.decode(encoding) if character > "\x7f"]
    except UnicodeDecodeError:
        return 0.0
    japanese = encoding in ("cp932", "euc_jp")
    if len(beyond) < _FEWEST or (japanese and not any("\u3041" <= character <= "\u30fe" for character in beyond)):
        return 0.0
    codes = [character.encode(encoding) for character in beyond]
    if all(code[-1] <= _LAST_ASCII for code in codes):  # European capitals with accents, each before a plain letter
        return 0.0
    return sum(map(_COMMON[encoding], codes)) / len(codes)


def _within(*leads: tuple[int, int], trail: int = 0xA1) -> Callable[[bytes], bool]:
    """Whether a character has two bytes, the first in one of these ranges and the second not below `trail`."""
    return lambda code: len(code) == 2 and code[1] >= trail and any(low <= code[0] <= high for low, high in leads)


_COMMON: Final[dict[str, Callable[[bytes], bool]]] = {
    "cp949": _within((0xA1, 0xA3), (0xB0, 0xC8)),
    "cp932": _within((0x81, 0x83), (0x88, 0x97), trail=0x40),
    "euc_jp": _within((0xA1, 0xA1), (0xA3, 0xA5), (0xB0, 0xCF)),
    "gb18030": _within((0xA1, 0xA3), (0xB0, 0xD7)),
    "big5": _within((0xA1, 0xC6), trail=0x40),
}
"""By the encoding's name: whether a character's bytes lie where those of daily use do, punctuation included."""
