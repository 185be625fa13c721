"""What is sent of a song: MP3, because every provider takes it and a song stays under their limits of 20 to 25 MB."""

import io
from typing import Any

import numpy as np
import soundfile

from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.dataset.song import Song

_RATE = 44_100
_LONGEST_SECONDS = 600.0


def as_mp3(song: Song) -> bytes:
    """The song, at most ten minutes of it, as MP3.

    Raises:
        SidestepError: it cannot be read.
    """
    waveform = read_audio(song.audio_path, _RATE, max_seconds=_LONGEST_SECONDS)
    sound = io.BytesIO()  # no file: labelling needs no room where temporary ones lie
    soundfile.write(sound, np.clip(waveform.T, -1.0, 1.0), _RATE, format="MP3")
    return sound.getvalue()


def number(value: Any) -> float:
    """A number of a server's answer, 0 where it is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def timed_line(seconds: float, text: str) -> str:
    """A line as LRC has it, so that the times are kept with the lyrics."""
    hundredths = round(max(0.0, seconds) * 100)
    return f"[{hundredths // 6000:02d}:{hundredths % 6000 / 100:05.2f}]{text.strip()}"
