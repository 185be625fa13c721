"""The end of engine.log, followed: what libraries print, for people."""

from pathlib import Path

from sidestep_tui.tui.text import clean

_FIRST_BYTES = 64 * 1024


class LogTail:
    """Gives the last lines of a file, then what is appended to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset: int | None = None
        self._rest = b""

    def read(self) -> list[str]:
        """Whole new lines, safe to draw. Of a line that a progress bar overwrote, only its last form."""
        try:
            with self._path.open("rb") as file:
                end = file.seek(0, 2)
                begins_inside = self._offset is None and end > _FIRST_BYTES
                if self._offset is None or self._offset > end:  # the first look, or the file was replaced
                    self._offset = max(0, end - _FIRST_BYTES)
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if begins_inside:
            lines = lines[1:]
        return [clean(_last_form(line.decode("utf-8", errors="replace"))) for line in lines]


def _last_form(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
