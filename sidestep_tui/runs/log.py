"""The event log of a run: appended by its engine alone, read by any number of viewers while it grows."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeVar

import msgspec

from sidestep_tui.disk_errors import lacks_room
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.events import AnyEvent, Event

E = TypeVar("E", bound=Event)

_BLOCK_BYTES = 2**20

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


class EventWriter:
    """Appends events, each at once as one line. A torn last line of a killed engine is cut off on opening.

    On a full disk lines wait in memory for room: telling what a job does ends no job.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file, self._seq = _open_for_append(path)
        self._unplaced = bytearray()
        self._lock = threading.Lock()

    def write(self, event: E) -> E:
        """Numbers, stamps and appends the event; gives it as written. Safe to call from several threads.

        Raises:
            SidestepError: the line cannot be written, for another reason than a full disk.
        """
        with self._lock:
            self._seq += 1
            stamped = msgspec.structs.replace(event, seq=self._seq, time=time.time())
            self._unplaced += _encoder.encode(stamped) + b"\n"
            with _disk_errors_named(self._path):
                try:
                    self._place()
                except OSError as error:
                    if not lacks_room(error):
                        raise
            return stamped

    def close(self) -> None:
        """Makes everything written durable.

        Raises:
            SidestepError: what an earlier `write` could not place still does not fit.
        """
        with _disk_errors_named(self._path):
            try:
                self._place()
                os.fsync(self._file.fileno())
            finally:
                self._file.close()

    def _place(self) -> None:
        while self._unplaced:
            del self._unplaced[: os.write(self._file.fileno(), self._unplaced)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class EventReader:
    """Follows an event log from its start: each look gives what was appended since the last one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.unknown = 0

    def read(self) -> list[AnyEvent]:
        """New events, in order. An incomplete line is left for the next call; lines of unknown kinds are counted."""
        return list(self.stream())

    def stream(self) -> Iterator[AnyEvent]:
        """As `read`, without holding more than a block of a long log at a time."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._offset)
            torn = b""
            while data := file.read(_BLOCK_BYTES):
                end = data.rfind(b"\n") + 1
                lines, torn = (torn + data[:end], data[end:]) if end else (b"", torn + data)
                self._offset += len(lines)
                yield from self._decoded(lines)

    def _decoded(self, lines: bytes) -> Iterator[AnyEvent]:
        for line in lines.split(b"\n")[:-1]:
            try:
                yield _decoder.decode(line)
            except msgspec.MsgspecError:
                self.unknown += 1


def read_events(path: Path) -> list[AnyEvent]:
    """Every event of a log so far."""
    return EventReader(path).read()


@contextmanager
def _disk_errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SidestepError(
            f"The event log cannot be written: {error.strerror}.",
            where=path,
            fix="free some disk space" if lacks_room(error) else "check its permissions",
        ) from error


def _open_for_append(path: Path) -> tuple[BinaryIO, int]:
    """The log opened at the end of its last whole line, and the number of lines before it."""
    file = path.open("a+b", buffering=0)  # lines go through its descriptor, each at once
    file.seek(0)
    lines = whole = read = 0
    while data := file.read(_BLOCK_BYTES):
        if end := data.rfind(b"\n") + 1:
            lines, whole = lines + data.count(b"\n"), read + end
        read += len(data)
    file.truncate(whole)
    return file, lines
