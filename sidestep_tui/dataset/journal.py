"""Unsaved edits on disk, so that a crash or a lost connection costs none of them.

`.sidestep-edits.jsonl` beside the data set has one line per edit, undo and redo, flushed to the disk as it happens. A
line belongs to one data set in one saved version; lines of another version are left alone and named, never applied.
"""

import errno
import json
import os
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import portalocker

from sidestep_tui.dataset.edits import Edit, History
from sidestep_tui.dataset.song import Dataset, Finding, Severity
from sidestep_tui.disk_errors import lacks_room
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import line_end_missing, write_text_atomic
from sidestep_tui.told import told, told_many

JOURNAL_FILE = ".sidestep-edits.jsonl"
_UNSAVED_FOLDER = "."
"""Stands for the data set of a folder that was only scanned."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one editing session."""

    file: Path
    dataset: str
    """File name of the data set, `.` for a scanned folder."""
    version: str
    """Digest of the saved data set that the edits are about; empty for a scanned folder."""
    session: str = field(default_factory=lambda: uuid.uuid4().hex[:12])

    def record(self, edit: Edit) -> None:
        """Keeps an edit. Returns when it is on the disk."""
        self._append({"do": edit.as_dict()})

    def record_all(self, edits: Sequence[Edit]) -> None:
        """Keeps edits that are one step."""
        self._append({"do_all": [edit.as_dict() for edit in edits]})

    def record_undo(self) -> None:
        """Keeps that the last edit was undone."""
        self._append({"undo": True})

    def record_redo(self) -> None:
        """Keeps that the last undone edit was done again."""
        self._append({"redo": True})

    def clear(self, sessions: Collection[str] = ()) -> None:
        """Forgets the lines of this session and of the given ones, because their edits are saved."""
        if not self.file.exists():
            return
        done = {self.session, *sessions}
        with _held(self.file):
            kept = [line for line in _lines(self.file) if not (self._is_ours(line) and line.get("session") in done)]
            if kept:
                write_text_atomic(self.file, "".join(json.dumps(line) + "\n" for line in kept))
            else:
                self.file.unlink()

    def replay(self, dataset: Dataset) -> History:
        """Applies the unsaved edits that earlier sessions left; `replayed` of the result names those sessions.

        An edit that no longer fits (its song is gone) is named in `findings` and skipped.
        """
        history, sessions, findings = History(dataset), [], []
        lines = [line for line in _lines(self.file) if line.get("dataset") == self.dataset]
        stale = sum(line.get("version") != self.version for line in lines)
        if stale:
            findings.append(_stale(stale, self.file))
        for line in lines:
            if line.get("version") != self.version:
                continue
            sessions.append(str(line.get("session")))
            try:
                history = _applied(history, line)
            except (SidestepError, TypeError, ValueError, KeyError) as error:
                reason = error.what if isinstance(error, SidestepError) else told("it is damaged")
                message = told("An unsaved edit was not applied: {reason}", reason=reason)
                findings.append(Finding(Severity.WARNING, "edit-lost", message))
        present = replace(
            history.present,
            findings=(*history.present.findings, *findings),
            replayed=tuple(dict.fromkeys(sessions)),
        )
        return replace(history, present=present)

    def _is_ours(self, line: Mapping[str, Any]) -> bool:
        return line.get("dataset") == self.dataset and line.get("version") == self.version

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = {"dataset": self.dataset, "version": self.version, "session": self.session, **entry}
        data = (json.dumps(line) + "\n").encode("ascii")
        try:
            with _held(self.file) as descriptor:
                data = line_end_missing(descriptor) + data
                if os.write(descriptor, data) < len(data):  # what fits of it, on a disk that is nearly full
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
        except OSError as error:
            raise SidestepError(
                f"The edit cannot be kept safe ({error.strerror}).",
                where=self.file,
                fix="free some disk space"
                if lacks_room(error)
                else "make its folder writable, or edit a list of the songs elsewhere, which "
                "`sidestep dataset convert SONGS FILE.json` writes",
            ) from error


def journal_of(dataset: Dataset) -> Journal:
    """The journal of a data set as it was read, for a new session."""
    if dataset.saved is None:
        return Journal(dataset.root.absolute() / JOURNAL_FILE, _UNSAVED_FOLDER, "")
    return Journal(dataset.saved.path.parent / JOURNAL_FILE, dataset.saved.path.name, dataset.saved.digest)


@contextmanager
def _held(file: Path) -> Iterator[int]:
    """The journal, open for more lines, while no other process adds one or clears it: what it has added would be lost.

    Where the file system has no locks, each does what it would have done without them.
    """
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            with suppress(portalocker.LockException):
                portalocker.lock(descriptor, portalocker.LOCK_EX)
            if _is_at(file, descriptor):  # else it was cleared while this process waited
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_at(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _applied(history: History, line: Mapping[str, Any]) -> History:
    if "undo" in line:
        return history.undo()
    if "redo" in line:
        return history.redo()
    if "do_all" in line:
        return history.apply_all([Edit.from_dict(one) for one in line["do_all"]])
    return history.apply(Edit.from_dict(line["do"]))


def _lines(file: Path) -> list[dict[str, Any]]:
    """The readable lines; a torn last line is what a crash leaves."""
    try:
        texts = file.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return []
    lines: list[dict[str, Any]] = []
    for text in texts:
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict):
            lines.append(line)
    return lines


def _stale(count: int, file: Path) -> Finding:
    message = told_many(
        "One unsaved edit belongs to another version of this data set and was not applied.",
        "{count} unsaved edits belong to another version of this data set and were not applied.",
        count,
    )
    fix = told("they are kept in {file}; remove it", file=file.name)
    return Finding(Severity.WARNING, "edits-of-another-version", message, fix=fix)
