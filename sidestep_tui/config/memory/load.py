"""What one forward pass of the DiT is given: the lengths that its memory follows from."""

from dataclasses import dataclass, replace
from typing import Final

FRAMES_PER_SECOND: Final = 25
_FRAMES_PER_TOKEN: Final = 2
TYPICAL_SECONDS: Final = 240.0
_TYPICAL_CONDITION_TOKENS: Final = 768

_FP32: Final = 4
_BYTES_PER_FRAME: Final = 2 * 64 * _FP32
"""Of an encoded song: mean and deviation of 64 channels."""


def stored_bytes(frames: int, condition_tokens: int, condition_size: int) -> int:
    """What encoded songs take at most where all of them are held, of so many frames and condition tokens in all."""
    return frames * _BYTES_PER_FRAME + condition_tokens * condition_size * _FP32


@dataclass(frozen=True, slots=True)
class Load:
    """What one forward pass is given: latent frames (25 a second) and condition tokens of the longest song.

    `all_frames` and `all_condition_tokens` are those of the whole set, which lies on the card with `data.residence`
    device; 0 where the set is not known.
    """

    frames: int = int(TYPICAL_SECONDS * FRAMES_PER_SECOND)
    condition_tokens: int = _TYPICAL_CONDITION_TOKENS
    all_frames: int = 0
    all_condition_tokens: int = 0

    def cropped(self, crop_seconds: float | None) -> "Load":
        """The load when songs are cut into windows of at most so many seconds."""
        if crop_seconds is None:
            return self
        return replace(self, frames=min(self.frames, round(crop_seconds * FRAMES_PER_SECOND)))

    @property
    def tokens(self) -> int:
        """DiT tokens: pairs of latent frames."""
        return -(-self.frames // _FRAMES_PER_TOKEN)
