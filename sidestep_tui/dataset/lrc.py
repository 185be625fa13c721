"""Lyrics with times: the LRC format in all its common forms, read into plain text and line times.

Forms: `[mm:ss]`, `[mm:ss.x]` to `[mm:ss.xxx]`, `[mm:ss:xx]`, several stamps before one line, word times `<mm:ss.xx>`
or `[mm:ss.xx]` inside a line, and lines of metadata such as `[ti:…]` and `[offset:+250]`.
"""

import re
from dataclasses import dataclass

from sidestep_tui.dataset.song import LyricTime
from sidestep_tui.dataset.text import clean_text

_TIME = r"(\d{1,3}):([0-5]?\d)(?:[.:](\d{1,3}))?"
_LEADING = re.compile(rf"\s*\[{_TIME}\]", re.ASCII)
_ANYWHERE = re.compile(rf"[ \t]?(?:\[{_TIME}\]|<{_TIME}>)", re.ASCII)
_METADATA = re.compile(r"\s*\[(ti|ar|al|au|by|offset|re|ve|tool|length|la|lr|id|#)\s*:(.*)\]\s*", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Lyrics:
    """Lyrics as the model reads them, and when their lines begin."""

    text: str
    times: tuple[LyricTime, ...] = ()
    """In order of time; empty when the lyrics carry none."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    seconds: float | None
    """None for a line without a stamp, such as `[Chorus]`: it belongs to the stamped line after it."""


def has_times(text: str) -> bool:
    """Whether a text carries LRC times."""
    return _ANYWHERE.search(text) is not None


def parse_lyrics(text: str) -> Lyrics:
    """Splits lyrics into plain text and line times; lyrics without times come back as they are, cleaned.

    A line with several stamps is sung several times and appears as often, in the order of time. `[offset:N]` moves
    all times N milliseconds earlier, as the format defines it.
    """
    text = clean_text(text)
    if not has_times(text):
        return Lyrics(text)
    lines: list[_Line] = []
    offset = 0.0
    repeated = False
    for raw in text.split("\n"):
        metadata = _METADATA.fullmatch(raw)
        if metadata is not None:
            offset = _offset(metadata[2]) if metadata[1].lower() == "offset" else offset
            continue
        stamps, words = _split(raw)
        repeated = repeated or len(stamps) > 1
        lines += [_Line(words, seconds) for seconds in (stamps or (None,))]
    if repeated:
        lines = _in_time_order(lines)
    times = [
        LyricTime(max(0.0, round(line.seconds - offset, 3)), line.text) for line in lines if line.seconds is not None
    ]
    plain = _BLANK_LINES.sub("\n\n", "\n".join(line.text for line in lines)).strip()
    return Lyrics(plain, tuple(sorted(times, key=lambda time: time.seconds)))


def _split(line: str) -> tuple[list[float], str]:
    """The stamps at the head of a line in seconds, and the words without any time."""
    stamps: list[float] = []
    match = _LEADING.match(line)
    while match is not None:
        stamps.append(_seconds(match))
        line = line[match.end() :]
        match = _LEADING.match(line)
    words = _ANYWHERE.sub(lambda found: " " if found[0][0].isspace() else "", line)
    return stamps, " ".join(words.split())


def _seconds(match: re.Match[str]) -> float:
    fraction = float(f"0.{match[3]}") if match[3] else 0.0
    return int(match[1]) * 60 + int(match[2]) + fraction


def _offset(text: str) -> float:
    match = re.fullmatch(r"\s*([+-]?\d{1,7})\s*", text, re.ASCII)
    return int(match[1]) / 1000 if match else 0.0


def _in_time_order(lines: list[_Line]) -> list[_Line]:
    """Lines sorted by time, each with the unstamped lines before it; what follows the last stamp stays last."""
    groups: list[tuple[float, list[_Line]]] = []
    waiting: list[_Line] = []
    for line in lines:
        waiting.append(line)
        if line.seconds is not None:
            groups.append((line.seconds, waiting))
            waiting = []
    return [line for _, group in sorted(groups, key=lambda group: group[0]) for line in group] + waiting
