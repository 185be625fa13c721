"""Tags inside audio files (ID3, MP4, Vorbis comments, ASF), read into plain names and texts."""

from pathlib import Path
from typing import Any

import mutagen
from mutagen.asf import ASFTags
from mutagen.id3 import ID3, TCON
from mutagen.mp4 import MP4Tags

# Field → the names it has in ID3, MP4, Vorbis comments and ASF, in this order.
_NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "title": (("TIT2",), ("\xa9nam",), ("title",), ("Title",)),
    "artist": (("TPE1",), ("\xa9ART",), ("artist",), ("Author",)),
    "genre": (("TCON",), ("\xa9gen",), ("genre",), ("WM/Genre",)),
    "bpm": (("TBPM",), ("tmpo",), ("bpm", "tempo"), ("WM/BeatsPerMinute",)),
    "key": (
        ("TKEY",),
        ("----:com.apple.iTunes:initialkey", "----:com.apple.iTunes:KEY"),
        ("initialkey", "key"),
        ("WM/InitialKey",),
    ),
    "lyrics": (("USLT",), ("\xa9lyr",), ("lyrics", "unsyncedlyrics"), ("WM/Lyrics",)),
}
_LONGEST = 50_000
"""Characters of one tag that are kept: no lyrics are longer, and files can claim anything."""


def read_tags(path: Path) -> dict[str, str]:
    """The tags that concern us, empty where a file has none or its tags are broken.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        audio = mutagen.File(path)
    except mutagen.MutagenError as error:
        if isinstance(error.__cause__, OSError) or isinstance(error.__context__, OSError):
            raise OSError(str(error)) from error
        return {}
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError, RecursionError):
        return {}  # the parsers of a library of forty formats, on a file that may be anything
    if audio is None or audio.tags is None:
        return {}
    kind = _kind(audio.tags)
    found = {name: _first(audio.tags, kind, names[kind]) for name, names in _NAMES.items()}
    return {name: text[:_LONGEST] for name, text in found.items() if text}


def _kind(tags: Any) -> int:
    if isinstance(tags, ID3):
        return 0
    if isinstance(tags, MP4Tags):
        return 1
    return 3 if isinstance(tags, ASFTags) else 2


def _first(tags: Any, kind: int, names: tuple[str, ...]) -> str:
    for name in names:
        held = tags.getall(name) if kind == 0 else tags.get(name)
        for value in held if isinstance(held, list) else [held]:
            text = _text(value)
            if text:
                return text
    return ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, TCON):  # resolves "(17)" and "17" to their names
        return ", ".join(value.genres)
    return str(value).replace("\0", ", ").strip()
