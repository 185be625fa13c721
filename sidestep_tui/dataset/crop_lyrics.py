"""Which lines of timed lyrics a crop of the song holds, so that its prompt names what is sung in it and nothing else.

LRC says when a line begins, not when it ends: it ends where the next begins, at a pause mark, or after eight seconds.
A line belongs to a crop that holds its middle. All is counted in frames, so that no border is a matter of rounding.
"""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from math import floor
from typing import Final

from sidestep_tui.dataset.song import LyricTime

_LONGEST_LINE_SECONDS: Final = 8.0
_SHARE_WITH_TIMES: Final = 0.8
_TAG = re.compile(r"\s*\[[^\[\]]*\]\s*")


@dataclass(frozen=True, slots=True)
class SungLine:
    """A line by its place among the lines of the lyrics, and the frame in the middle of its singing."""

    index: int
    middle: int


@dataclass(frozen=True, slots=True)
class TimedLyrics:
    """Lyrics whose sung lines have times, in order of both."""

    lines: tuple[str, ...]
    sung: tuple[SungLine, ...]

    def between(self, start: int, stop: int) -> str:
        """What is sung from frame `start` up to `stop`, under the tag of its section; empty where nobody sings.

        Lines without a time of their own come with their neighbours on both sides.
        """
        inside = [line.index for line in self.sung if start <= line.middle < stop]
        if not inside:
            return ""
        first, last = inside[0], inside[-1]
        words = "\n".join(self.lines[first : last + 1])
        return "\n".join((*self._section(first), words))

    def _section(self, index: int) -> tuple[str, ...]:
        """The tag line, such as `[Verse 1]`, that the line stands under; several where they follow one another."""
        tags: list[str] = []
        for line in reversed(self.lines[:index]):
            if _is_tag(line):
                tags.append(line)
            elif tags:
                break
        return tuple(reversed(tags))


def time_lines(lyrics: str, times: tuple[LyricTime, ...], duration: float, rate: int) -> TimedLyrics | None:
    """Puts line times to the lyrics that are trained on, which may have been corrected since.

    Args:
        lyrics: without times.
        times: in order.
        duration: seconds of audio; nothing is sung after them.
        rate: frames a second.

    Returns:
        None when fewer than four in five sung lines have a time: the times are of another text.
    """
    lines = tuple(lyrics.split("\n"))
    candidates = [index for index, line in enumerate(lines) if line.strip() and not _is_tag(line)]
    sung = [
        (time, middle) for time, middle in _middles(times, duration) if time.line.strip() and not _is_tag(time.line)
    ]
    matcher = SequenceMatcher(
        None, [_words(lines[index]) for index in candidates], [_words(time.line) for time, _ in sung], autojunk=False
    )
    matched = tuple(
        SungLine(candidates[block.a + offset], floor(sung[block.b + offset][1] * rate))
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    )
    return TimedLyrics(lines, matched) if matched and len(matched) >= _SHARE_WITH_TIMES * len(candidates) else None


def _middles(times: tuple[LyricTime, ...], duration: float) -> list[tuple[LyricTime, float]]:
    """Every line time with the second in the middle between its beginning and its end."""
    ends = [after.seconds for _, after in pairwise(times)] + [duration] if times else []
    return [
        (time, time.seconds + min(max(end - time.seconds, 0.0), _LONGEST_LINE_SECONDS) / 2)
        for time, end in zip(times, ends, strict=True)
    ]


def _is_tag(line: str) -> bool:
    return _TAG.fullmatch(line) is not None


def _words(line: str) -> str:
    return " ".join(line.casefold().split())
