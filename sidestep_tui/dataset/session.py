"""Opening a data set and editing it: what the screens and the command line use."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from sidestep_tui.config.places import expanded, is_folder, is_there
from sidestep_tui.dataset import DATASET_FILE
from sidestep_tui.dataset.acestep_json import check_target, read_dataset_file, save_dataset
from sidestep_tui.dataset.edits import Edit, History
from sidestep_tui.dataset.journal import journal_of
from sidestep_tui.dataset.probe import Progress
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.dataset.song import Dataset, Finding, Severity
from sidestep_tui.told import told

SAVED_BESIDE: Final = "saved-data-set-beside"
"""Code of the finding that a scanned folder holds a saved data set."""
EDITS_LEFT_OUT: Final = frozenset({SAVED_BESIDE, "edits-of-another-version", "edit-lost"})
"""Codes of findings about edits that somebody has made and that a data set, as it was read, does not hold."""


def load_dataset(path: Path, *, replay: bool = True, progress: Progress | None = None) -> Dataset:
    """Reads a data set: a folder is scanned, a JSON file is read as saved.

    Args:
        path: the folder or file.
        replay: apply the unsaved edits that a crashed session left.
        progress: called with files probed and files in all.

    Raises:
        SidestepError: it is missing, empty or no data set.
    """
    path = expanded(path)
    if is_folder(path):
        dataset = scan_folder(path, progress=progress)
        if is_there(path / DATASET_FILE):
            dataset = replace(dataset, findings=(*dataset.findings, _saved_beside()))
    else:
        dataset = read_dataset_file(path, progress=progress)
    return journal_of(dataset).replay(dataset).present if replay else dataset


def open_session(path: Path, *, progress: Progress | None = None) -> "EditSession":
    """Reads a data set for editing; arguments and errors as `load_dataset`."""
    return EditSession(load_dataset(path, replay=False, progress=progress))


class EditSession:
    """A data set being edited: every change is in the journal before it is shown, and can be undone.

    Args:
        dataset: as read with `replay=False`; unsaved edits of crashed sessions are taken over and can be undone too.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._journal = journal_of(dataset)
        self._history: History = self._journal.replay(dataset)
        self._saved = dataset

    @property
    def dataset(self) -> Dataset:
        """The data set with all edits."""
        return self._history.present

    @property
    def has_unsaved_edits(self) -> bool:
        """Whether anything differs from what is saved."""
        present = self._history.present
        return present.songs != self._saved.songs or present.metadata != self._saved.metadata

    @property
    def edits(self) -> int:
        """How many edits could be undone, one after another."""
        return len(self._history.past)

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to undo."""
        return bool(self._history.past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone edit to do again."""
        return bool(self._history.future)

    def edit(self, keys: Collection[str], changes: Mapping[str, Any]) -> None:
        """Sets fields of songs.

        Raises:
            UsageError: no such field or song, or a value that the field cannot have; nothing is changed.
            SidestepError: the journal cannot be written; nothing is changed.
        """
        self.apply(Edit(dict(changes), tuple(keys)))

    def edit_metadata(self, changes: Mapping[str, Any]) -> None:
        """Sets fields of the data set; errors as `edit`."""
        self.apply(Edit(dict(changes)))

    def undo(self) -> None:
        """Takes the last edit back."""
        if self.can_undo:
            self._journal.record_undo()
            self._history = self._history.undo()

    def redo(self) -> None:
        """Does the last undone edit again."""
        if self.can_redo:
            self._journal.record_redo()
            self._history = self._history.redo()

    def save(self, path: Path | None = None, *, overwrite: bool = False) -> Dataset:
        """Saves to where the data set was read from, or elsewhere, and empties the journal.

        A scanned folder is saved as `dataset.json` inside it, unless a path says otherwise. Undo goes no further
        back than the save.

        Raises:
            SidestepError: another session has saved in between, or the file cannot be written.
        """
        present = self._history.present
        saved = save_dataset(present, path or present.place, overwrite=overwrite)
        self._journal.clear(present.replayed)
        self._journal = journal_of(saved)
        self._history = History(saved)
        self._saved = saved
        return saved

    def check_place(self, path: Path | None = None, *, overwrite: bool = False) -> None:
        """Makes sure that `save` with these arguments would find its place free; errors as there."""
        check_target(self.dataset, path or self.dataset.place, overwrite=overwrite)

    def apply(self, edit: Edit) -> None:
        """Does an edit of any source, such as those that the labelling makes; errors as `edit`."""
        history = self._history.apply(edit)
        self._journal.record(edit)
        self._history = history

    def apply_all(self, edits: Sequence[Edit]) -> None:
        """Does several edits as one step, undone together; errors as `edit`."""
        if edits:
            history = self._history.apply_all(edits)
            self._journal.record_all(edits)
            self._history = history


def _saved_beside() -> Finding:
    return Finding(
        Severity.WARNING,
        SAVED_BESIDE,
        told("The folder holds a saved data set; edits saved in {file} are not in this scan.", file=DATASET_FILE),
        fix=told("open {file} to work with them", file=DATASET_FILE),
    )
