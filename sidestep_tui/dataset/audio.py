"""Sound in and out: any file that libsndfile or FFmpeg reads becomes stereo float32 at one sample rate, and back.

libsndfile (soundfile) is exact for wav, flac, ogg, opus and aiff; FFmpeg (PyAV) takes all else: mp3, m4a, aac, wma,
and videos whatever they are named (`containers` says why).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from sidestep_tui.dataset.containers import is_for_sndfile, open_stream, stated_samples
from sidestep_tui.dataset.ogg import fix_serial
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.files import write_atomic
from sidestep_tui.told import told

SAMPLE_RATE = 48_000
"""Samples per second that the model's autoencoder works at."""

Waveform = npt.NDArray[np.float32]
"""[channels, samples], nominally within -1 and 1."""

_SIDE = 0.7071
# Left and right weights per channel in the usual channel orders (ITU-R BS.775; the low-frequency channel is left out).
_DOWNMIX: dict[int, tuple[tuple[float, float], ...]] = {
    3: ((1, 0), (0, 1), (_SIDE, _SIDE)),
    4: ((1, 0), (0, 1), (_SIDE, 0), (0, _SIDE)),
    5: ((1, 0), (0, 1), (_SIDE, _SIDE), (_SIDE, 0), (0, _SIDE)),
    6: ((1, 0), (0, 1), (_SIDE, _SIDE), (0, 0), (_SIDE, 0), (0, _SIDE)),
    8: ((1, 0), (0, 1), (_SIDE, _SIDE), (0, 0), (_SIDE, 0), (0, _SIDE), (_SIDE, 0), (0, _SIDE)),
}
_BLOCK = 1 << 16
# Suffix → libsndfile's container and coding, and the sample rates that the coding has (empty: any).
_WRITABLE: dict[str, tuple[str, str, tuple[int, ...]]] = {
    ".wav": ("WAV", "PCM_24", ()),
    ".flac": ("FLAC", "PCM_24", ()),
    ".aiff": ("AIFF", "PCM_24", ()),
    ".aif": ("AIFF", "PCM_24", ()),
    ".ogg": ("OGG", "VORBIS", ()),
    ".opus": ("OGG", "OPUS", (8_000, 12_000, 16_000, 24_000, 48_000)),
    ".mp3": ("MP3", "MPEG_LAYER_III", (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)),
}
_FFMPEG_WRITABLE: dict[str, tuple[str, str]] = {".m4a": ("ipod", "aac")}
WRITABLE_SUFFIXES = frozenset(_WRITABLE) | frozenset(_FFMPEG_WRITABLE)


def read_audio(path: Path, sample_rate: int = SAMPLE_RATE, *, max_seconds: float | None = None) -> Waveform:
    """Decodes a file to stereo.

    Mono is doubled; more than two channels are mixed down without getting louder than full scale.

    Args:
        path: an audio file, or a video with sound.
        sample_rate: of the result, in Hz.
        max_seconds: stop after this much, so that a huge file does not fill the memory.

    Returns:
        [2, samples].

    Raises:
        SidestepError: the file is missing, is no audio, holds no sound, or holds NaN or infinite samples.
    """
    with decoding(path):
        samples, rate = _decode(path, max_seconds)
    if samples.shape[1] == 0:
        raise _unreadable(path, told("The audio file holds no sound."))
    check_numbers(path, samples)
    stereo = to_stereo(samples)
    return stereo if rate == sample_rate else resample(stereo, rate, sample_rate)


def to_stereo(samples: Waveform) -> Waveform:
    """Any number of channels as two. [channels, samples] to [2, samples]."""
    channels = samples.shape[0]
    if channels == 2:
        return np.ascontiguousarray(samples)
    if channels == 1:
        return np.repeat(samples, 2, axis=0)
    table = _DOWNMIX.get(channels)
    if table is None:  # no usual meaning: everything to both sides
        return np.repeat(samples.mean(axis=0, keepdims=True), 2, axis=0).astype(np.float32)
    weights = np.asarray(table, dtype=np.float32).T
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)) @ samples, dtype=np.float32)


def resample(samples: Waveform, from_rate: int, to_rate: int) -> Waveform:
    """Changes the sample rate with soxr's high-quality filter. [channels, samples], rates in Hz."""
    resampled = soxr.resample(samples.T, from_rate, to_rate, quality="HQ")
    return np.ascontiguousarray(np.asarray(resampled, dtype=np.float32).T)


def check_writable(path: Path) -> None:
    """Tells of a name that no song can have, before one is made for it.

    Raises:
        UsageError: its ending is of no format that `write_audio` writes, or it is a folder's.
    """
    if path.suffix.lower() not in WRITABLE_SUFFIXES:
        raise UsageError(
            f"No audio format is called {path.suffix!r}." if path.suffix else "The output names no audio format.",
            where=printable(str(path)),
            fix=f"let the output end in one of {' '.join(sorted(WRITABLE_SUFFIXES))}",
        )
    if path.is_dir():
        raise UsageError("The output is a folder.", where=printable(str(path)), fix="name a file in it")


def write_audio(path: Path, waveform: Waveform, sample_rate: int = SAMPLE_RATE) -> None:
    """Writes a wav, flac, aiff, ogg, opus, mp3 or m4a file, whole or not at all.

    Values beyond full scale are clipped; a rate that the format does not have is replaced by 48 kHz.

    Args:
        path: its suffix names the format.
        waveform: [channels, samples] with one or two channels.
        sample_rate: of the waveform, in Hz.

    Raises:
        UsageError: its suffix is of no format that can be written.
        SidestepError: the file cannot be written.
    """
    check_writable(path)
    suffix = path.suffix.lower()
    clipped = np.clip(waveform, -1.0, 1.0).astype(np.float32)
    rates = _WRITABLE[suffix][2] if suffix in _WRITABLE else ()
    if rates and sample_rate not in rates:
        clipped, sample_rate = resample(clipped, sample_rate, SAMPLE_RATE), SAMPLE_RATE
    if suffix in _WRITABLE:
        write_atomic(path, lambda temporary: _write_sndfile(temporary, suffix, clipped, sample_rate))
    else:
        write_atomic(path, lambda temporary: _write_ffmpeg(temporary, suffix, clipped, sample_rate))


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Whatever a decoder raises inside becomes a `SidestepError` about the file."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, soundfile.SoundFileError, av.FFmpegError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unreadable(
            path, told("The audio file cannot be decoded ({reason}).", reason=printable(reason))
        ) from error


def check_numbers(path: Path, samples: Waveform) -> None:
    """Refuses NaN and infinite samples.

    Raises:
        SidestepError: there are some.
    """
    if not np.isfinite(samples).all():
        raise _unreadable(path, told("The audio file holds samples that are not numbers (NaN or infinite)."))


def _decode(path: Path, max_seconds: float | None) -> tuple[Waveform, int]:
    """[channels, samples] at the file's own rate."""
    if not path.is_file():
        raise FileNotFoundError(2, "there is no such file")
    if is_for_sndfile(path):
        try:
            with soundfile.SoundFile(str(path)) as file:
                frames = -1 if max_seconds is None else int(max_seconds * file.samplerate)
                samples = file.read(frames, dtype="float32", always_2d=True)
                return np.ascontiguousarray(samples.T), int(file.samplerate)
        except soundfile.SoundFileError:
            pass  # a coding that only FFmpeg knows, such as MP3 in a wav
    return _decode_ffmpeg(path, max_seconds)


def _decode_ffmpeg(path: Path, max_seconds: float | None) -> tuple[Waveform, int]:
    blocks, rate = [], 0
    for block, rate in ffmpeg_blocks(path, max_seconds):  # noqa: B007 - the rate is the same for all
        blocks.append(block)
    if not blocks:
        raise ValueError("none of it could be decoded")
    return np.concatenate(blocks, axis=1), rate


def ffmpeg_blocks(path: Path, max_seconds: float | None = None) -> Iterator[tuple[Waveform, int]]:
    """What FFmpeg decodes, packet by packet: [channels, samples] and the sample rate, which is the same for all.

    Raises:
        ValueError: the file holds no audio stream.
        av.FFmpegError: FFmpeg cannot read it.
    """
    with open_stream(path) as (container, stream):
        rate = stream.codec_context.sample_rate
        limits = [stated_samples(container, stream), None if max_seconds is None else int(max_seconds * rate)]
        left = min((one for one in limits if one is not None), default=sys.maxsize)
        resampler = av.AudioResampler(format="fltp", layout=stream.codec_context.layout, rate=rate)
        for frame in chain(_frames(container, stream), [None]):
            for even in resampler.resample(frame):
                block = np.asarray(even.to_ndarray(), dtype=np.float32)[:, :left]
                left -= block.shape[1]
                yield block, rate
            if left <= 0:
                break


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    """Decoded frames; a broken packet costs its own few milliseconds, as in any player."""
    for packet in container.demux(stream):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _write_sndfile(path: Path, suffix: str, waveform: Waveform, sample_rate: int) -> None:
    container, coding, _ = _WRITABLE[suffix]
    with soundfile.SoundFile(str(path), "w", sample_rate, waveform.shape[0], coding, format=container) as file:
        for start in range(0, waveform.shape[1], _BLOCK):  # in pieces: the Vorbis encoder overflows its stack on a song
            file.write(waveform[:, start : start + _BLOCK].T)
    if container == "OGG":
        fix_serial(path)


def _write_ffmpeg(path: Path, suffix: str, waveform: Waveform, sample_rate: int) -> None:
    container_name, codec = _FFMPEG_WRITABLE[suffix]
    layout = "mono" if waveform.shape[0] == 1 else "stereo"
    with av.open(str(path), "w", format=container_name) as container:
        stream: Any = container.add_stream(codec, rate=sample_rate, layout=layout)
        stream.bit_rate = 256_000
        for start in range(0, waveform.shape[1], _BLOCK):
            piece = np.ascontiguousarray(waveform[:, start : start + _BLOCK])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = sample_rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _unreadable(path: Path, problem: str) -> SidestepError:
    return SidestepError(problem, where=printable(str(path)), fix="replace it with one that plays, or remove it")
