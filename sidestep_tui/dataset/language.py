"""Languages: the codes that ACE-Step 1.5 knows, other spellings of them, and guesses from script and words."""

import threading
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

# The codes that the model was trained with (upstream `acestep/constants.py`).
LANGUAGES = frozenset({
    "ar", "az", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hr",
    "ht", "hu", "id", "is", "it", "ja", "ko", "la", "lt", "ms", "ne", "nl", "no", "pa", "pl", "pt", "ro",
    "ru", "sa", "sk", "sr", "sv", "sw", "ta", "te", "th", "tl", "tr", "uk", "ur", "vi", "yue", "zh",
})  # fmt: skip
_SPELLINGS = {
    "jp": "ja", "jpn": "ja", "japanese": "ja", "日本語": "ja",
    "cn": "zh", "chi": "zh", "zho": "zh", "cmn": "zh", "chinese": "zh", "mandarin": "zh", "中文": "zh",
    "cantonese": "yue", "kr": "ko", "kor": "ko", "korean": "ko", "한국어": "ko",
    "eng": "en", "english": "en", "ger": "de", "deu": "de", "german": "de", "deutsch": "de",
    "fra": "fr", "fre": "fr", "french": "fr", "spa": "es", "spanish": "es", "español": "es",
    "por": "pt", "portuguese": "pt", "ita": "it", "italian": "it", "rus": "ru", "russian": "ru", "русский": "ru",
    "ukr": "uk", "ukrainian": "uk", "ara": "ar", "arabic": "ar", "heb": "he", "iw": "he", "hebrew": "he",
    "tha": "th", "thai": "th", "ell": "el", "gre": "el", "greek": "el", "hin": "hi", "hindi": "hi",
    "pol": "pl", "polish": "pl", "nld": "nl", "dut": "nl", "dutch": "nl", "swe": "sv", "swedish": "sv",
    "nor": "no", "nb": "no", "nn": "no", "norwegian": "no", "fin": "fi", "finnish": "fi", "dan": "da", "danish": "da",
    "tur": "tr", "turkish": "tr", "vie": "vi", "vietnamese": "vi", "ind": "id", "indonesian": "id",
    "ces": "cs", "cze": "cs", "czech": "cs", "fas": "fa", "per": "fa", "persian": "fa", "fil": "tl", "tagalog": "tl",
}  # fmt: skip
_SCRIPTS = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "CYRILLIC": "ru", "ARABIC": "ar",
    "HEBREW": "he", "THAI": "th", "GREEK": "el", "DEVANAGARI": "hi",
}  # fmt: skip
_SHARE_NEEDED = 0.2
_FEWEST_LETTERS = 20
_LEAST_CONFIDENCE = 0.5
_LOADING = threading.Lock()
_UKRAINIAN = frozenset("іїєґІЇЄҐ")
_PERSIAN = frozenset("پچژگ")


def language_code(text: str) -> str | None:
    """The model's code for a code, a name or a locale (`ja`, `Japanese`, `ja-JP`); None if it has none."""
    name = text.strip().casefold().replace("_", "-")
    for candidate in (name, name.split("-")[0]):
        if candidate in LANGUAGES:
            return candidate
        if candidate in _SPELLINGS:
            return _SPELLINGS[candidate]
    return None


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """What lyrics look like."""

    code: str
    confidence: float | None
    """0 to 1 for languages in Latin letters; None where the script tells it."""


@lru_cache(maxsize=20_000)
def detect_language(lyrics: str) -> LanguageGuess | None:
    """The language of lyrics: by their script, else by their words.

    The first lyrics in Latin letters load a model of some megabytes, which takes a second or two: not while somebody
    waits for a key. Words are told apart by py3langid (Lui and Baldwin, "langid.py", ACL 2012).

    Returns:
        None for a few words, for words that could be of many languages, and for languages that ACE-Step does not know.
    """
    script = guess_language(lyrics)
    if script is not None:
        return LanguageGuess(script, None)
    words = _outside_brackets(lyrics)
    if sum(letter.isalpha() for letter in words) < _FEWEST_LETTERS:
        return None
    with _LOADING:
        code, confidence = _identifier().classify(words)
    if code not in LANGUAGES or confidence < _LEAST_CONFIDENCE:
        return None
    return LanguageGuess(code, round(float(confidence), 3))


@cache
def _identifier() -> Any:
    """py3langid's model, with probabilities."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def guess_language(lyrics: str) -> str | None:
    """The language of lyrics as far as their script tells it.

    Latin letters are shared by too many languages, and a mixed song belongs to its other script as soon as a fifth
    of its letters are written in it: one Chinese character says as much as a whole English word.
    """
    if lyrics.isascii():
        return None
    letters = {c: count for c, count in Counter(_outside_brackets(lyrics)).items() if c.isalpha()}
    counts: Counter[str] = Counter()
    for letter, count in letters.items():
        language = _language_of_letter(letter)
        if language is not None:
            counts[language] += count
    if not counts or counts.total() < _SHARE_NEEDED * sum(letters.values()):
        return None
    if counts["ja"]:  # kana among Chinese characters
        counts["ja"] += counts.pop("zh", 0)
    best = counts.most_common(1)[0][0]
    if best == "ru" and _UKRAINIAN.intersection(letters):
        return "uk"
    if best == "ar" and _PERSIAN.intersection(letters):
        return "fa"
    return best


@lru_cache(maxsize=20_000)
def _language_of_letter(letter: str) -> str | None:
    return _SCRIPTS.get(unicodedata.name(letter, "").split(" ")[0].split("-")[0])


def _outside_brackets(lyrics: str) -> str:
    """Lyrics without `[Verse]` and the like, which are English in every language."""
    return "".join(part.split("]", 1)[-1] if index else part for index, part in enumerate(lyrics.split("[")))
