"""The analyser that comes with Side-Step: numpy alone, no warm-up, a fraction of a second for a song.

`docs/labelling.md` has its accuracy beside librosa's and aubio's.
"""

from sidestep_tui.dataset.analysis.key import find_key
from sidestep_tui.dataset.analysis.metre import find_metre
from sidestep_tui.dataset.analysis.onsets import rhythm
from sidestep_tui.dataset.analysis.result import NOTHING, Analysis, Guess
from sidestep_tui.dataset.analysis.tempo import find_tempo
from sidestep_tui.dataset.audio import Waveform

_LONGEST_SECONDS = 360
_SHORTEST_SECONDS = 4


def analyse(waveform: Waveform, sample_rate: int) -> Analysis:
    """Tempo, key and time signature of a song.

    Args:
        waveform: [channels, samples]; of a very long one the middle six minutes are heard.
        sample_rate: in Hz.

    Returns:
        Every part that can be told; nothing for less than four seconds.
    """
    samples = waveform.shape[1]
    if samples < _SHORTEST_SECONDS * sample_rate:
        return NOTHING
    start = max(0, (samples - _LONGEST_SECONDS * sample_rate) // 2)
    heard = waveform[:, start : start + _LONGEST_SECONDS * sample_rate]
    key = find_key(heard, sample_rate)
    found = rhythm(heard, sample_rate)
    tempi = None if found is None else find_tempo(found)
    if found is None or not tempi:
        return Analysis(None, key, None)
    (tempo, belief), *others = tempi
    metre = find_metre(found, tempo)
    second = tempo if metre.tempo != tempo else next((other for other, _ in others), None)
    return Analysis(Guess(metre.tempo, belief, second), key, Guess(metre.beats, metre.confidence, metre.second))
