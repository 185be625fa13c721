"""One song, decoded once: what plays in a browser, what is drawn, and what it is like."""

import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidestep_tui.dataset.audio import SAMPLE_RATE, read_audio, write_audio
from sidestep_tui.dataset.measure import loudness
from sidestep_tui.dataset.spectrogram import spectrogram_picture
from sidestep_tui.report.descriptors import Descriptors, describe
from sidestep_tui.report.html import Html
from sidestep_tui.report.pictures import waveform_picture

MEDIA_TYPES: Final = {".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".m4a": "audio/mp4"}
"""What is small already and what browsers play; anything else becomes mp3, which all of them play."""

_LONGEST_SECONDS: Final = 660.0


@dataclass(frozen=True, slots=True)
class Sound:
    """A song as the page needs it. `loudness` is in LUFS, None for silence; `audio` is a file with this suffix."""

    seconds: float
    loudness: float | None
    audio: bytes
    suffix: str
    wave: Html
    spectrogram: bytes
    descriptors: Descriptors

    def data_uri(self) -> str:
        """The audio within an address."""
        return data_uri(MEDIA_TYPES[self.suffix], self.audio)


def read_sound(path: Path, excerpt_seconds: float | None = None) -> Sound:
    """Reads a song, whole or its beginning.

    Raises:
        SidestepError: it is missing or cannot be decoded.
    """
    waveform = read_audio(path, max_seconds=excerpt_seconds or _LONGEST_SECONDS)
    suffix = path.suffix.lower()
    if suffix in MEDIA_TYPES and excerpt_seconds is None:
        audio = path.read_bytes()
    else:
        suffix = ".mp3"
        with tempfile.TemporaryDirectory(prefix="sidestep-report-") as folder:
            write_audio(Path(folder) / "sound.mp3", waveform)
            audio = (Path(folder) / "sound.mp3").read_bytes()
    return Sound(
        seconds=waveform.shape[1] / SAMPLE_RATE,
        loudness=loudness(waveform),
        audio=audio,
        suffix=suffix,
        wave=waveform_picture(waveform),
        spectrogram=spectrogram_picture(waveform),
        descriptors=describe(waveform),
    )


def data_uri(media_type: str, data: bytes) -> str:
    """Bytes as an address that holds them."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
