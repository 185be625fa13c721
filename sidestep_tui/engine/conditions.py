"""The ways in which one song is described: of the whole song, and of crops of it with what is sung in them.

Each is a condition sequence in the song's file, encoded once; training only chooses.
"""

from dataclasses import dataclass
from typing import Final

CONDITION: Final = "condition"
"""The name of the condition sequence that every song has: of the whole song."""

Starts = tuple[tuple[int, int], ...]
"""First and last frame, both included, of every stretch of frames at which a crop may begin."""


@dataclass(frozen=True, slots=True)
class ConditionEntry:
    """A further condition sequence of a song.

    Attributes:
        tensor: its name in the song's file.
        tokens: its length L.
        prompt: the text that was encoded.
        lyrics: the lyric prompt that was encoded.
        cut: the model reads less than all of them.
        crop_frames: length of the crops that it describes; None for the whole song.
        starts: where such crops begin.
    """

    tensor: str
    tokens: int
    prompt: str
    lyrics: str
    cut: bool = False
    crop_frames: int | None = None
    starts: Starts = ()

    def describes(self, start: int, crop_frames: int) -> bool:
        """Whether this is said of the crop that begins at `start`."""
        return self.crop_frames == crop_frames and any(first <= start <= last for first, last in self.starts)


def crop_starts(further: tuple[ConditionEntry, ...], frames: int, crop_frames: int) -> Starts:
    """Where crops of a song of `frames` may begin: where they are described, or anywhere when none is."""
    described = {stretch for entry in further if entry.crop_frames == crop_frames for stretch in entry.starts}
    return tuple(sorted(described)) or ((0, frames - crop_frames),)


def condition_for(further: tuple[ConditionEntry, ...], start: int, crop_frames: int) -> str:
    """The tensor that describes a crop; that of the whole song when none does."""
    return next((entry.tensor for entry in further if entry.describes(start, crop_frames)), CONDITION)


def start_at(starts: Starts, share: float) -> int:
    """The frame that lies at `share`, from 0 up to 1, of all frames at which a crop may begin."""
    place = int(share * sum(last - first + 1 for first, last in starts))
    for first, last in starts:
        length = last - first + 1
        if place < length:
            return first + place
        place -= length
    return starts[-1][1]
