"""Which decoder opens a file, decided by its first bytes, never by its name; and how long FFmpeg's files really are.

libsndfile is exact for the formats below. It is not asked about MP3: without a Xing header it estimates the length
and then cuts the sound there, it takes an MP4 for an MP3 of two seconds, and it prints to the terminal.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av

_SNDFILE_HEADS = (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM")
_MP3_TABLES = (b"Xing", b"Info", b"VBRI")
_HEAD = 4096


def is_for_sndfile(path: Path) -> bool:
    """Whether a file begins as one of the formats that libsndfile reads exactly: wav, flac, ogg, opus, aiff."""
    with path.open("rb") as file:
        return file.read(4) in _SNDFILE_HEADS


@contextmanager
def open_stream(path: Path) -> Iterator[tuple[Any, Any]]:
    """Opens a file with FFmpeg: the container and its first audio stream that can be decoded.

    Raises:
        ValueError: it holds no audio stream, or none that can be decoded.
        av.FFmpegError: FFmpeg does not know the format.
    """
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise ValueError("it holds no audio stream")
        decodable = [stream for stream in container.streams.audio if stream.codec_context is not None]
        if not decodable:
            raise ValueError("its audio is encoded in a way that FFmpeg does not know")
        yield container, decodable[0]


def stream_seconds(path: Path, container: Any, stream: Any) -> float:
    """The length of an audio stream.

    A header's length is taken where the format states it. ADTS, and MP3 without a table of its frames, only allow an
    estimate from the bit rate, which is far off for variable rates: there the packets are counted (milliseconds).
    """
    name = container.format.name
    stated = stream.duration is not None and name != "aac" and (name != "mp3" or _has_frame_table(path))
    if stated:
        return float(stream.duration * stream.time_base)
    return float(sum(packet.duration or 0 for packet in container.demux(stream)) * stream.time_base)


def stated_samples(container: Any, stream: Any) -> int | None:
    """How many samples an MP4 says that it holds: AAC decodes to whole frames, and the rest of the last is padding."""
    if "mp4" not in container.format.name or not stream.duration:
        return None
    rate: int = stream.codec_context.sample_rate
    return round(float(stream.duration * stream.time_base) * rate)


def _has_frame_table(path: Path) -> bool:
    """Whether the first frame of an MP3, after an ID3v2 tag, is a Xing, Info or VBRI header."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3" and len(head) == 10:
            size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
            file.seek(10 + size)
        else:
            file.seek(0)
        first = file.read(_HEAD)
    return any(table in first for table in _MP3_TABLES)
