"""What one forward pass of the DiT is given: the lengths that its memory follows from."""

from dataclasses import dataclass
from typing import Final

FRAMES_PER_SECOND: Final = 25
FRAMES_PER_TOKEN: Final = 2
TYPICAL_SECONDS: Final = 240.0
TYPICAL_CONDITION_TOKENS: Final = 768


@dataclass(frozen=True, slots=True)
class Load:
    """What one forward pass is given: latent frames (25 a second) and condition tokens of the longest song."""

    frames: int = int(TYPICAL_SECONDS * FRAMES_PER_SECOND)
    condition_tokens: int = TYPICAL_CONDITION_TOKENS

    def cropped(self, crop_seconds: float | None) -> "Load":
        """The load when songs are cut into windows of at most so many seconds."""
        if crop_seconds is None:
            return self
        return Load(min(self.frames, round(crop_seconds * FRAMES_PER_SECOND)), self.condition_tokens)

    @property
    def tokens(self) -> int:
        """DiT tokens: pairs of latent frames."""
        return -(-self.frames // FRAMES_PER_TOKEN)
