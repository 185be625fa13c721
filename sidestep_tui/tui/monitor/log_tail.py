"""The end of engine.log, followed: what libraries print, for people."""

from pathlib import Path

from sidestep_tui.tui.text import clean

_MOST_BYTES = 64 * 1024


class LogTail:
    """Gives the last lines of a file, then what is appended to it; of very much at once its last lines again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> list[str]:
        """Whole new lines, safe to draw. Of a line that a progress bar overwrote, only its last form."""
        try:
            with self._path.open("rb") as file:
                end = file.seek(0, 2)
                if self._offset > end:  # the file was replaced
                    self._offset, self._rest = 0, b""
                begins_inside = end - self._offset > _MOST_BYTES
                if begins_inside:
                    self._offset, self._rest = end - _MOST_BYTES, b""
                file.seek(self._offset)
                data = file.read(_MOST_BYTES)
        except OSError:
            return []
        self._offset += len(data)
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = _still_to_see(rest)
        if begins_inside:
            lines = lines[1:]
        return [clean(_last_form(line.decode("utf-8", errors="replace"))) for line in lines]


def _still_to_see(rest: bytes) -> bytes:
    """What will be left of an unfinished line: a progress bar overwrites one for hours."""
    bare = rest.rstrip(b"\r")
    return bare.rpartition(b"\r")[2] + rest[len(bare) :]


def _last_form(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
