"""Sound piece by piece, for recordings that would fill the memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from sidestep_tui.dataset.audio import SAMPLE_RATE, Waveform, check_numbers, decoding, ffmpeg_blocks, to_stereo
from sidestep_tui.dataset.containers import is_for_sndfile

_SECONDS = 20.0


def stream_audio(path: Path) -> Iterator[Waveform]:
    """Decodes a file in pieces of about twenty seconds.

    Args:
        path: an audio file, or a video with sound.

    Yields:
        [2, samples] at `SAMPLE_RATE`; together what `read_audio` gives.

    Raises:
        SidestepError: it cannot be decoded, or holds NaN or infinite samples.
    """
    resampler: Any = None
    with decoding(path):
        for samples, rate in _pieces(path):
            check_numbers(path, samples)
            stereo = to_stereo(samples)
            if rate != SAMPLE_RATE:
                resampler = resampler or soxr.ResampleStream(rate, SAMPLE_RATE, 2, dtype="float32", quality="HQ")
                stereo = _channels_first(resampler.resample_chunk(np.ascontiguousarray(stereo.T)))
            yield stereo
        if resampler is not None:
            yield _channels_first(resampler.resample_chunk(np.empty((0, 2), dtype=np.float32), last=True))


def _pieces(path: Path) -> Iterator[tuple[Waveform, int]]:
    """[channels, samples] and the file's own sample rate."""
    try:
        file = soundfile.SoundFile(str(path)) if is_for_sndfile(path) else None
    except soundfile.SoundFileError:
        file = None  # a coding that only FFmpeg knows, such as MP3 in a wav
    if file is None:
        yield from _gathered(ffmpeg_blocks(path))
        return
    with file:
        for block in file.blocks(int(_SECONDS * file.samplerate), dtype="float32", always_2d=True):
            yield np.ascontiguousarray(block.T), int(file.samplerate)


def _gathered(blocks: Iterator[tuple[Waveform, int]]) -> Iterator[tuple[Waveform, int]]:
    """Packets of some milliseconds as pieces that are worth a filter's call."""
    held: list[Waveform] = []
    rate = samples = 0
    for block, rate in blocks:
        held.append(block)
        samples += block.shape[1]
        if samples >= _SECONDS * rate:
            yield np.concatenate(held, axis=1), rate
            held, samples = [], 0
    if held:
        yield np.concatenate(held, axis=1), rate


def _channels_first(samples: Any) -> Waveform:
    return np.ascontiguousarray(np.asarray(samples, dtype=np.float32).T)
