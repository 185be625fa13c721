"""Ogg files without chance in them: libsndfile draws the number of every stream from the clock.

Layout and checksum of a page after RFC 3533, section 6.
"""

import struct
from pathlib import Path
from typing import Final

_MAGIC: Final = b"OggS"
_SERIAL_AT, _CHECKSUM_AT, _SEGMENTS_AT, _HEADER_BYTES = 14, 22, 26, 27
_POLYNOMIAL: Final = 0x04C11DB7
_SERIAL: Final = 1


def _checksum_table() -> tuple[int, ...]:
    def shifted(register: int) -> int:
        for _ in range(8):
            register = (register << 1) ^ (_POLYNOMIAL if register & 0x80000000 else 0)
        return register & 0xFFFFFFFF

    return tuple(shifted(byte << 24) for byte in range(256))


_TABLE: Final = _checksum_table()


def fix_serial(path: Path) -> None:
    """Gives the only stream of an Ogg file the number 1, so that the same sound is the same bytes.

    Raises:
        ValueError: it is no Ogg file.
    """
    data = bytearray(path.read_bytes())
    at = 0
    while at < len(data):
        if data[at : at + len(_MAGIC)] != _MAGIC:
            raise ValueError(f"no Ogg page at byte {at}")
        segments = data[at + _SEGMENTS_AT]
        body = sum(data[at + _HEADER_BYTES : at + _HEADER_BYTES + segments])
        end = at + _HEADER_BYTES + segments + body
        struct.pack_into("<I", data, at + _SERIAL_AT, _SERIAL)
        struct.pack_into("<I", data, at + _CHECKSUM_AT, 0)  # the checksum is of the page without it
        struct.pack_into("<I", data, at + _CHECKSUM_AT, _checksum(data[at:end]))
        at = end
    path.write_bytes(data)


def _checksum(page: bytearray) -> int:
    register = 0
    for byte in page:
        register = ((register << 8) & 0xFFFFFFFF) ^ _TABLE[(register >> 24) ^ byte]
    return register
