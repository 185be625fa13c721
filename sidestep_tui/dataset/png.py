"""A PNG file from an array of palette indices.

The format's four needed chunks (PNG specification, third edition, section 11) take fewer lines than a dependency:
a spectrogram is one array of small whole numbers, and zlib is in the standard library.
"""

import struct
import zlib
from typing import Final

import numpy as np
import numpy.typing as npt

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_EIGHT_BITS, _PALETTE_COLOUR = 8, 3


def write_png(indices: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG file.

    Args:
        indices: colours by their place in the palette, [height, width], top row first.
        palette: [colours, 3], red, green and blue from 0 to 255; at most 256 colours.
    """
    height, width = indices.shape
    header = struct.pack(">IIBBBBB", width, height, _EIGHT_BITS, _PALETTE_COLOUR, 0, 0, 0)
    rows = np.pad(indices, ((0, 0), (1, 0)))  # each row begins with its filter: 0, none
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette.astype(np.uint8).tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
