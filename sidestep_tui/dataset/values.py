"""Readers that turn what people and tools write ("190 BPM", "F#m", "4/4", "Japanese") into what the model expects.

Each takes any JSON value and returns the value of its field, or None where nothing is said (null, empty, "N/A").
What is said but cannot be understood raises ValueError with one sentence about it.
"""

import math
import re
from typing import get_args

from sidestep_tui.dataset.language import language_code
from sidestep_tui.dataset.song import Normalization, TagPosition
from sidestep_tui.dataset.text import clean_text, printable

_NOTHING = {"", "n/a", "na", "none", "null", "unknown", "-", "?", "undefined"}
_BPM = re.compile(r"(\d{1,6}(?:[.,]\d+)?)\s*(?:bpm)?", re.IGNORECASE)
_HIGHEST_TEMPO = 1000
_LONGEST_FILE = 86_400.0
_KEY = re.compile(
    r"([升降]?)([A-Ga-g])\s*-?(#|♯|♭|b|(?i:sharp|flat))?(?:\s*/\s*[A-Ga-g][#♯b♭]?)?[\s_:-]*(.*)", re.DOTALL
)
_MAJOR = {"", "major", "maj", "M", "dur", "ionian", "大调", "大調"}
_MINOR = {"minor", "min", "m", "moll", "mol", "aeolian", "小调", "小調"}
_ACCIDENTALS = {"": "", "♯": "#", "sharp": "#", "升": "#", "♭": "b", "flat": "b", "降": "b"}
_CAMELOT = re.compile(r"(1[0-2]|0?[1-9])\s*([ABab])")
# The wheel of fifths, from 1A and 1B on, spelled as Mixed In Key prints it.
_CAMELOT_MINOR = ("Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "Db")
_CAMELOT_MAJOR = ("B", "F#", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E")
_METER = re.compile(r"(\d{1,2})(?:\s*/\s*\d{1,2})?(?:\s*time|\s*拍)?", re.IGNORECASE)
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,6}(?:[.,]\d+)?)\s*(?:s|sec|seconds)?", re.IGNORECASE | re.ASCII)
_DECIBELS = re.compile(r"([+-]?\d{1,3}(?:[.,]\d+)?)\s*(?:db|lufs|lu)?", re.IGNORECASE | re.ASCII)
_TRUE = {"true", "yes", "y", "1", "on"}
_FALSE = {"false", "no", "n", "0", "off"}


def says_nothing(value: object) -> bool:
    """Whether a value stands for "not given": null, an empty text or list, "N/A", "unknown"."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip().casefold() in _NOTHING
    return isinstance(value, list | dict) and not value


def read_text(value: object) -> str | None:
    """Free text; a list of texts is joined by commas."""
    return _read_joined(value, ", ")


def read_lines(value: object) -> str | None:
    """Text of several lines; a list of texts becomes one line each."""
    return _read_joined(value, "\n")


def read_bpm(value: object) -> int | None:
    """Beats per minute, rounded to a whole number; 0 means that nobody knows."""
    if says_nothing(value):
        return None
    if isinstance(value, str):
        match = _BPM.fullmatch(value.strip())
        if match is None:
            raise ValueError(f'"{_shown(value)}" is no tempo')
        number = float(match[1].replace(",", "."))
    else:
        number = _number(value, "tempo")
    if not 0 <= number <= _HIGHEST_TEMPO:
        raise ValueError(f'"{_shown(value)}" is no tempo')
    return math.floor(number + 0.5) or None


def read_key(value: object) -> str | None:
    """A key as the model reads it, a note with # or b and `major` or `minor`; Camelot codes such as `8A` too."""
    if says_nothing(value):
        return None
    if not isinstance(value, str):
        raise ValueError(f'"{_shown(value)}" is no key')
    text = value.strip()
    camelot = _CAMELOT.fullmatch(text)
    if camelot is not None:
        place = int(camelot[1]) - 1
        return f"{_CAMELOT_MINOR[place]} minor" if camelot[2] in "Aa" else f"{_CAMELOT_MAJOR[place]} major"
    match = _KEY.fullmatch(text)
    mode = None if match is None else _read_mode(match[4])
    if match is None or mode is None or (match[1] and match[3]):
        raise ValueError(f'"{_shown(value)}" is no key in major or minor')
    accidental = (match[1] or match[3] or "").lower()
    return f"{match[2].upper()}{_ACCIDENTALS.get(accidental, accidental)} {mode}"


def read_timesignature(value: object) -> str | None:
    """Beats in a bar as text: `4` for 4, "4" and "4/4", `6` for "6/8"."""
    if says_nothing(value):
        return None
    if isinstance(value, str):
        match = _METER.fullmatch(value.strip())
        beats = int(match[1]) if match else 0
    else:
        number = _number(value, "time signature")
        beats = int(number) if number.is_integer() and number < 100 else 0
    if beats < 1:
        raise ValueError(f'"{_shown(value)}" is no time signature')
    return str(beats)


def read_language(value: object) -> str | None:
    """A language as a code that the model knows: "Japanese", "JP", "ja-JP" and "jpn" are `ja`."""
    if says_nothing(value):
        return None
    code = language_code(value) if isinstance(value, str) else None
    if code is None:
        raise ValueError(f'"{_shown(value)}" is no language that the model knows')
    return code


def read_flag(value: object) -> bool | None:
    """Yes or no."""
    if says_nothing(value):
        return None
    text = str(value).strip().casefold()
    if isinstance(value, bool | int | str) and text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError(f'"{_shown(value)}" is neither true nor false')


def read_prompt_override(value: object) -> str | None:
    """Which text becomes the prompt: `caption`, `genre`, or the data set's genre ratio decides (None)."""
    return _read_choice(value, ("caption", "genre"))


def read_tag_position(value: object) -> str | None:
    """Where the trigger tag goes: `prepend`, `append` or `replace`."""
    return _read_choice(value, get_args(TagPosition))


def read_normalization(value: object) -> str | None:
    """What songs are brought to: `none`, `peak` or `lufs`. Here `none` is a value of its own."""
    return _read_choice(value, get_args(Normalization))


def read_seconds(value: object) -> float | None:
    """A place in a song in seconds, to the millisecond: 12.5, "12.5 s" and "1:02.5"."""
    if says_nothing(value):
        return None
    if isinstance(value, str) and (match := _CLOCK.fullmatch(value.strip())):
        number = 60.0 * int(match[1] or 0) + float(match[2].replace(",", "."))
    else:
        number = _number(value, "place in a song")
    if not 0 <= number <= _LONGEST_FILE:
        raise ValueError(f'"{_shown(value)}" is no place in a song')
    return round(number, 3)


def read_gain(value: object) -> float | None:
    """A gain from -60 to 60 dB: -3.5, "+6 dB"."""
    return _read_decibels(value, -60, 60, "gain in dB")


def read_lufs(value: object) -> float | None:
    """An integrated loudness from -40 to 0 LUFS."""
    return _read_decibels(value, -40, 0, "loudness in LUFS")


def read_percent(value: object) -> int | None:
    """A whole number from 0 to 100."""
    return _read_whole(value, 0, 100, "number of percent")


def read_repeat(value: object) -> int | None:
    """How often a song is seen per epoch, a whole number from 1."""
    return _read_whole(value, 1, 10_000, "number of repeats")


def _read_choice(value: object, choices: tuple[str, ...]) -> str | None:
    word = value.strip().casefold() if isinstance(value, str) else ""
    if word in choices:
        return word
    if says_nothing(value):
        return None
    raise ValueError(f'"{_shown(value)}" is none of {", ".join(choices)}')


def _read_whole(value: object, lowest: int, highest: int, kind: str) -> int | None:
    if says_nothing(value):
        return None
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        value = int(value)
    number = _number(value, kind)
    if not number.is_integer() or not lowest <= number <= highest:
        raise ValueError(f'"{_shown(value)}" is no {kind} from {lowest} to {highest}')
    return int(number)


def _read_decibels(value: object, lowest: float, highest: float, kind: str) -> float | None:
    if says_nothing(value):
        return None
    if isinstance(value, str) and (match := _DECIBELS.fullmatch(value.strip())):
        value = float(match[1].replace(",", "."))
    number = _number(value, kind)
    if not lowest <= number <= highest:
        raise ValueError(f'"{_shown(value)}" is no {kind} from {lowest:g} to {highest:g}')
    return round(number, 2)


def _read_joined(value: object, glue: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return clean_text(value) or None
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return clean_text(glue.join(part.strip("\n") for part in value)) or None
    raise ValueError(f'"{_shown(value)}" is no text')


def _number(value: object, kind: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15 or not math.isfinite(value):
        raise ValueError(f'"{_shown(value)}" is no {kind}')
    return float(value)


def _read_mode(text: str) -> str | None:
    mode = text.strip()
    folded = mode if mode in {"M", "m"} else mode.casefold()  # only for the single letter does the case decide
    if folded in _MAJOR:
        return "major"
    return "minor" if folded in _MINOR else None


def _shown(value: object) -> str:
    """A value for a message, which puts it between quotes: short and without control characters."""
    if isinstance(value, int) and value.bit_length() > 1000:  # beyond what Python turns into decimal digits
        return f"≈2^{value.bit_length()}"
    text = printable(value if isinstance(value, str) else repr(value))
    return f"{text[:40]}…" if len(text) > 40 else text
