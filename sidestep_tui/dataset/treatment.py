"""What becomes of a song's sound on its way to the model: where it begins and ends, and how loud it is.

Nothing here changes an audio file. The song's own `trim_start`, `trim_end` and `gain_db` go before the data set's
`trim_silence` and `normalization`; whoever decodes a song for the model applies the treatment that they add up to.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform
from sidestep_tui.dataset.measure import SILENCE_PEAK, Measures
from sidestep_tui.dataset.song import DatasetMetadata, LyricTime, Song

PEAK_CEILING_DB = -1.0
"""Where `peak` puts the largest sample, and how far `lufs` may raise it, in dB below full scale."""
KEPT_SILENCE = 0.1
"""Seconds of silence that trimming leaves at both ends, so that no attack and no reverberation is cut."""
SHORTEST_KEPT = 1.0
"""Seconds that a song keeps, whatever it is trimmed to."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """A treatment in plain numbers."""

    start: float = 0.0
    """Seconds of the file that are left out at its beginning."""
    end: float | None = None
    """Seconds from the beginning of the file where the song ends; None for the end of the file."""
    gain_db: float = 0.0
    """By how much it is made louder, in dB."""

    def seconds(self, duration: float) -> float:
        """How long a song of `duration` seconds is afterwards."""
        return max(0.0, min(duration, duration if self.end is None else self.end) - self.start)

    def cut_to(self, longest: float, duration: float) -> "Treatment":
        """The same, ending after `longest` seconds where a song of `duration` seconds would be longer."""
        if self.seconds(duration) <= longest:
            return self
        return Treatment(self.start, self.start + longest, self.gain_db)

    def identity(self) -> tuple[str, ...]:
        """Parts of a fingerprint, equal for equal treatments. A song that is left as it is has none."""
        return () if self == Treatment() else (f"{self.start:.3f}", f"{self.end}", f"{self.gain_db:.2f}")


def needs_measures(song: Song, metadata: DatasetMetadata) -> bool:
    """Whether the song's treatment follows from its sound, so that it has to be measured first."""
    trims = metadata.trim_silence and (song.trim_start is None or song.trim_end is None)
    return trims or (metadata.normalization != "none" and song.gain_db is None)


def treatment_of(song: Song, metadata: DatasetMetadata, measures: Measures | None) -> Treatment:
    """The treatment of a song.

    Args:
        song: what it says itself counts; a length below `SHORTEST_KEPT` seconds is not cut from it.
        metadata: of its data set, for what the song does not say.
        measures: of its whole file; where they are needed and None, the data set's settings have no effect yet.
    """
    start, end = song.trim_start, song.trim_end
    if metadata.trim_silence and measures is not None:
        heard_start, heard_end = silent_ends(measures, song.duration)
        start = heard_start if start is None else start
        end = heard_end if end is None else end
    if (min(song.duration, song.duration if end is None else end) - (start or 0.0)) < SHORTEST_KEPT:
        start = end = None
    gain = song.gain_db
    if gain is None:
        gain = 0.0 if measures is None else normalizing_gain(measures, metadata)
    is_whole = end is None or end >= song.duration
    return Treatment(round(start or 0.0, 3), None if is_whole or end is None else round(end, 3), round(gain, 2))


def silent_ends(measures: Measures, duration: float) -> tuple[float, float]:
    """Where a song begins and ends without the silence around it, in seconds.

    A silent song stays whole.
    """
    if measures.peak <= SILENCE_PEAK:
        return 0.0, duration
    start = max(0.0, measures.silence_start - KEPT_SILENCE)
    end = min(duration, duration - measures.silence_end + KEPT_SILENCE)
    return round(start, 3), round(end, 3)


def normalizing_gain(measures: Measures, metadata: DatasetMetadata) -> float:
    """The gain in dB that brings a song to the data set's peak or loudness.

    A quiet song is raised until its largest sample is at `PEAK_CEILING_DB`, and not beyond: nothing is limited or
    clipped here.
    """
    if metadata.normalization == "none" or measures.peak <= 0:
        return 0.0
    room = PEAK_CEILING_DB - 20 * math.log10(measures.peak)
    if metadata.normalization == "peak":
        return room
    return loudness_gain(measures, metadata.target_lufs)


def loudness_gain(measures: Measures, target: float) -> float:
    """The gain in dB that brings a song to `target` LUFS, or as near to it as its peak allows."""
    if measures.loudness is None or measures.peak <= 0:
        return 0.0
    room = PEAK_CEILING_DB - 20 * math.log10(measures.peak)
    wanted = target - measures.loudness
    return wanted if wanted <= 0 else max(0.0, min(wanted, room))


def treat(waveform: Waveform, treatment: Treatment) -> Waveform:
    """A song's samples after its treatment. [2, samples] at 48 kHz, as `audio.read_audio` gives it."""
    start = round(treatment.start * SAMPLE_RATE)
    end = None if treatment.end is None else round(treatment.end * SAMPLE_RATE)
    cut = waveform[:, start:end]
    if treatment.gain_db:
        cut = cut * np.float32(10 ** (treatment.gain_db / 20))
    return np.ascontiguousarray(cut, dtype=np.float32)


def treated_times(times: Iterable[LyricTime], treatment: Treatment) -> tuple[LyricTime, ...]:
    """Line times counted from where the trimmed song begins.

    Lines that are over by then or begin after its end are left out; the one that is being sung begins at 0.
    """
    ordered = tuple(times)
    ends = [*(time.seconds for time in ordered), math.inf][1:]
    return tuple(
        LyricTime(max(0.0, round(time.seconds - treatment.start, 3)), time.line)
        for time, over in zip(ordered, ends, strict=True)
        if over > treatment.start and (treatment.end is None or time.seconds < treatment.end)
    )
