"""The ways in which one song is described: in several wordings, each of the whole song and of crops of it.

Each is a condition sequence in the song's file, encoded once; training only chooses.
"""

from dataclasses import dataclass
from typing import Final

from sidestep_tui.dataset.wordings import WordingKind

CONDITION: Final = "condition"
"""The name of the condition sequence that every song has: of the whole song, in its first wording."""

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
        wording: number of the caption or genre that was put into the prompt; 0 is the song's first.
        kind: which of the two it is.
    """

    tensor: str
    tokens: int
    prompt: str
    lyrics: str
    cut: bool = False
    crop_frames: int | None = None
    starts: Starts = ()
    wording: int = 0
    kind: WordingKind = "caption"

    def describes(self, start: int, crop_frames: int) -> bool:
        """Whether this is said of the crop that begins at `start`."""
        return self.crop_frames == crop_frames and any(first <= start <= last for first, last in self.starts)


def crop_starts(further: tuple[ConditionEntry, ...], frames: int, crop_frames: int) -> Starts:
    """Where crops of a song of `frames` may begin: where they are described, or anywhere when none is."""
    described = {stretch for entry in further if entry.crop_frames == crop_frames for stretch in entry.starts}
    return tuple(sorted(described)) or ((0, frames - crop_frames),)


def condition_for(further: tuple[ConditionEntry, ...], wording: int, start: int, crop_frames: int | None) -> str:
    """The tensor that describes a crop in a wording; that of the whole song when none does or there is no crop."""
    of_wording = [entry for entry in further if entry.wording == wording]
    if crop_frames is not None:
        for entry in of_wording:
            if entry.describes(start, crop_frames):
                return entry.tensor
    return next((entry.tensor for entry in of_wording if entry.crop_frames is None), CONDITION)


def start_at(starts: Starts, share: float) -> int:
    """The frame that lies at `share`, from 0 up to 1, of all frames at which a crop may begin."""
    place = int(share * sum(last - first + 1 for first, last in starts))
    for first, last in starts:
        length = last - first + 1
        if place < length:
            return first + place
        place -= length
    return starts[-1][1]
