"""Ogg files without chance in them: libsndfile draws the number of every stream from the clock."""

from pathlib import Path
from typing import Final

from mutagen.ogg import OggPage

_SERIAL: Final = 1


def fix_serial(path: Path) -> None:
    """Gives the only stream of an Ogg file the number 1, so that the same sound is the same bytes."""
    pages: list[bytes] = []
    with path.open("rb") as file:
        while True:
            try:
                page = OggPage(file)
            except EOFError:
                break
            page.serial = _SERIAL
            pages.append(page.write())  # with the checksum that this takes
    path.write_bytes(b"".join(pages))
