"""Which encoding of Latin letters a short text is in: statistics cannot tell `été à` from `été ŕ` in one verse.

The same byte is another letter in each of these code pages, but a language uses few letters beyond ASCII: read in the
wrong one, a text has letters that no language has together, in places where none has them.
"""

import re
from typing import Final

_ALPHABETS: Final[dict[str, tuple[str, ...]]] = {
    "cp1252": (
        "àâçèéêëîïôùûüÿœ",  # French
        "áéíñóúü",  # Spanish
        "àáâãçéêíóôõúü",  # Portuguese
        "äöüßé",  # German
        "åäöé",  # Swedish, Finnish
        "æøåé",  # Danish, Norwegian
        "áéèëïíóöúü",  # Dutch
        "àçèéíïòóúü",  # Catalan
        "áæðéíóöúýþ",  # Icelandic
        "àâäçèéêëïñóôöü",  # loans in English
    ),
    "cp1250": (
        "ąćęłńóśźż",  # Polish
        "áčďéěíňóřšťúůýž",  # Czech
        "áäčďéíĺľňóôŕšťúýž",  # Slovak
        "áéíóöőúüű",  # Hungarian
        "čćđšž",  # Croatian, Bosnian, Serbian, Slovenian
        "ăâîşţ",  # Romanian
    ),
    "iso8859_2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű", "čćđšž"),
    "cp1254": ("âçğıîöşüû",),  # Turkish
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),  # Lithuanian, Latvian, Estonian
}
"""By encoding, the most common first: which small letters beyond ASCII a language uses."""
_ITALIAN: Final = frozenset("àèéìòóù")
"""In Italian they end a word."""
_INSIDE_A_WORD: Final = re.compile(r"[^\W\d_](?!['’·-])[^\w\s!-~](?=[^\W\d_])")
"""A sign between two letters that does not belong there."""
_CAPITAL_AFTER_SMALL: Final = re.compile(r"[a-z][^\W\d_a-z]")
_BEFORE_A_LETTER: Final = re.compile(r"[àèéìòóù](?=[^\W\d_])")
_SIGNS: Final = frozenset("‘’“”„–—…«»¿¡°·´\xa0")


def guess_european(data: bytes) -> str | None:
    """The first encoding in which the text has letters of one language, where words have them; None for none."""
    return next((encoding for encoding in _ALPHABETS if _fits(data, encoding)), None)


def _fits(data: bytes, encoding: str) -> bool:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return False
    beyond = {character for character in text if character > "\x7f"} - _SIGNS
    plain = len(re.findall("[A-Za-z]", text))
    if sum(character in beyond for character in text) > plain:  # Cyrillic and Greek are beyond ASCII throughout
        return False
    if _INSIDE_A_WORD.search(text) or any(match[0][1].isupper() for match in _CAPITAL_AFTER_SMALL.finditer(text)):
        return False
    letters = {"i" if letter == "İ" else letter.lower() for letter in beyond} - {"i"}
    if encoding == "cp1252" and letters <= _ITALIAN and not _BEFORE_A_LETTER.search(text.lower()):
        return True
    return any(letters <= set(alphabet) for alphabet in _ALPHABETS[encoding])
