"""What a labelling run has found out, waiting beside the run until a session takes it over.

The run writes one line for each song into its own folder and never touches the data set's journal: a person may be
editing. Whoever has the data set open takes the lines, and only what nobody has said meanwhile becomes an edit.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from sidestep_tui.dataset.edits import Edit
from sidestep_tui.dataset.fields import FIELDS
from sidestep_tui.dataset.song import Dataset
from sidestep_tui.disk_errors import lacks_room
from sidestep_tui.errors import SidestepError
from sidestep_tui.files import line_end_missing, write_text_atomic

PROPOSALS_FILE = "proposals.jsonl"
_TAKEN_FILE = "proposals.taken"


class Proposals:
    """The proposals of one run.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / PROPOSALS_FILE
        self._taken = folder / _TAKEN_FILE

    def add(self, edit: Edit) -> None:
        """Keeps a proposal; it is on the disk when this returns.

        Raises:
            SidestepError: it cannot be written.
        """
        line = (json.dumps(edit.as_dict()) + "\n").encode("ascii")
        try:
            with self._file.open("a+b") as file:
                file.write(line_end_missing(file.fileno()) + line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SidestepError(
                f"A label cannot be kept ({error.strerror}).",
                where=self._file,
                fix="free some disk space" if lacks_room(error) else "check its permissions",
            ) from error

    def all(self) -> list[Edit]:
        """Every whole proposal so far, in order. A line that cannot be read holds its place with an empty edit."""
        try:
            data = self._file.read_bytes()
        except OSError:
            return []
        return [_read(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]

    def waiting(self) -> list[Edit]:
        """The proposals that no session has taken yet."""
        return self.all()[self._count_taken() :]

    def take(self, count: int) -> None:
        """Remembers that so many more proposals are in a session's journal."""
        write_text_atomic(self._taken, f"{self._count_taken() + count}\n")

    def _count_taken(self) -> int:
        try:
            return int(self._taken.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return 0


def still_missing(dataset: Dataset, proposals: Iterable[Edit]) -> list[Edit]:
    """What of the proposals concerns songs that are there and fields that still nobody has said anything about."""
    songs = dataset.by_key()
    fitting = []
    for proposal in proposals:
        for key in proposal.keys or ():
            song = songs.get(key)
            changes = {
                name: value
                for name, value in proposal.changes.items()
                if song is not None and name in FIELDS and getattr(song, name) == FIELDS[name].default
            }
            if changes:
                beliefs = {name: one for name, one in proposal.beliefs.items() if name in changes}
                fitting.append(Edit(changes, (key,), proposal.source, beliefs))
    return fitting


def _read(line: bytes) -> Edit:
    try:
        return Edit.from_dict(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Edit({}, ())
