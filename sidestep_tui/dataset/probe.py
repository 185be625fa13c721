"""What an audio file's header and tags say, for thousands of files at once: in threads, and only once per file.

The result is kept in the user's cache folder, keyed by size and time of last change.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import soundfile

from sidestep_tui.config.places import cache_home
from sidestep_tui.dataset.containers import is_for_sndfile, open_stream, stream_seconds
from sidestep_tui.dataset.song import AudioInfo
from sidestep_tui.dataset.tags import read_tags
from sidestep_tui.dataset.text import printable
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import write_text_atomic
from sidestep_tui.told import told

Progress = Callable[[int, int], None]
"""Called with files done and files in all, from the thread that scans."""

_VERSION = 1
_THREADS = 8
_REPORT_EVERY = 25


@dataclass(frozen=True, slots=True)
class Probe:
    """What one file holds: its audio and tags, or the reason why it holds none."""

    audio: AudioInfo | None
    tags: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


def probe_files(paths: Iterable[Path], *, cache_name: Path, progress: Progress | None = None) -> dict[Path, Probe]:
    """Probes files, taking what the cache knows.

    Args:
        paths: audio files.
        cache_name: the folder or data set they belong to; each has a cache of its own.
        progress: called now and then.
    """
    cache = _Cache(cache_name)
    results: dict[Path, Probe] = {}
    wanted: list[Path] = []
    for path in paths:
        known = cache.known(path)
        if known is None:
            wanted.append(path)
        else:
            results[path] = known
    total = len(results) + len(wanted)
    if progress is not None:
        progress(len(results), total)
    with ThreadPoolExecutor(_THREADS) as pool:
        for path, probe in zip(wanted, pool.map(probe_file, wanted), strict=True):
            results[path] = probe
            if progress is not None and (len(results) % _REPORT_EVERY == 0 or len(results) == total):
                progress(len(results), total)
    cache.store(results, changed=bool(wanted))
    return results


def probe_file(path: Path) -> Probe:
    """Reads the header and the tags of one audio file. Never raises for what is wrong with the file."""
    try:
        status = path.stat()
        if status.st_size == 0:
            return Probe(None, problem=told("the file is empty"))
        duration, rate, channels, codec = _read_header(path)
        if duration <= 0 or channels < 1 or rate < 1:
            return Probe(None, problem=told("it holds no sound (length 0)"))
        info = AudioInfo(duration, rate, channels, codec, status.st_size, status.st_mtime_ns)
        return Probe(info, read_tags(path))
    except av.FFmpegError as error:
        reason = printable(error.strerror or "unknown format")
        return Probe(None, problem=told("it cannot be read as audio ({reason})", reason=reason))
    except FileNotFoundError:
        linked = path.is_symlink()
        return Probe(None, problem=told("it is a link to a file that is not there") if linked else told("it is gone"))
    except (OSError, ValueError) as error:
        return Probe(None, problem=printable(str(error.strerror if isinstance(error, OSError) else error)))


def _read_header(path: Path) -> tuple[float, int, int, str]:
    """Seconds, sample rate, channels and codec."""
    if is_for_sndfile(path):
        try:
            info = soundfile.info(str(path))
            return info.frames / info.samplerate, info.samplerate, info.channels, info.subtype.lower()
        except soundfile.SoundFileError:
            pass  # a coding that only FFmpeg knows, such as MP3 in a wav
    with open_stream(path) as (container, stream):
        context = stream.codec_context
        codec = context.name.removesuffix("float")  # FFmpeg's MP3 decoder is called mp3float
        return stream_seconds(path, container, stream), context.sample_rate, context.channels, codec


class _Cache:
    """Probes by path, valid while size and time of last change stay. A missing or broken file is an empty cache."""

    def __init__(self, name: Path) -> None:
        digest = hashlib.sha256(os.fsencode(name.absolute())).hexdigest()[:24]
        self._file = cache_home() / "probes" / f"{digest}.json"
        self._entries = self._load()

    def _load(self) -> dict[str, Any]:
        try:
            document = json.loads(self._file.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(document, dict) or document.get("version") != _VERSION:
            return {}
        entries = document.get("files")
        return entries if isinstance(entries, dict) else {}

    def known(self, path: Path) -> Probe | None:
        entry = self._entries.get(str(path))
        if entry is None:
            return None
        try:
            duration, rate, channels, codec, size, mtime_ns, tags = entry
            status = path.stat()
        except (OSError, TypeError, ValueError):
            return None
        if (status.st_size, status.st_mtime_ns) != (size, mtime_ns):
            return None
        return Probe(AudioInfo(duration, rate, channels, codec, size, mtime_ns), tags)

    def store(self, probes: Mapping[Path, Probe], *, changed: bool) -> None:
        """Failures are not kept: the reason may be gone next time (a mount, a permission)."""
        if not changed and len(probes) == len(self._entries):
            return
        files = {
            str(path): _entry(one, probe.tags) for path, probe in probes.items() if (one := probe.audio) is not None
        }
        try:
            write_text_atomic(self._file, json.dumps({"version": _VERSION, "files": files}))
        except (SidestepError, OSError):
            return  # a cache that cannot be kept costs time, nothing else


def _entry(audio: AudioInfo, tags: Mapping[str, str]) -> list[Any]:
    known = [audio.duration, audio.sample_rate, audio.channels, audio.codec, audio.size, audio.mtime_ns]
    return [*known, dict(tags)]
