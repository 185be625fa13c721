"""The messages that a compiled catalogue translates: what the standard library's reader keeps to itself.

The format is that of GNU gettext, "The Format of GNU MO Files" in its manual.
"""

import struct
from collections.abc import Iterator
from typing import Final

_HEADER: Final = struct.Struct("<4xIII")
"""Behind the magic number: revision, number of messages, and where the table of their English texts lies."""

_ENTRY: Final = struct.Struct("<II")


def message_ids(data: bytes) -> Iterator[tuple[str, ...]]:
    """Every message of a little-endian catalogue, as Babel writes it: its text, or singular and plural."""
    _revision, count, table = _HEADER.unpack_from(data)
    for length, start in _ENTRY.iter_unpack(data[table : table + count * _ENTRY.size]):
        yield tuple(data[start : start + length].decode("utf-8").split("\0"))
