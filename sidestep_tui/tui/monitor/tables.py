"""The run's story and its files as tables that follow the run."""

from typing import ClassVar

from textual import events

from sidestep_tui.runs.state import RunState
from sidestep_tui.texts import _
from sidestep_tui.tui.figures import duration
from sidestep_tui.tui.monitor.files import RunFile, run_files
from sidestep_tui.tui.monitor.happenings import Happening, happenings
from sidestep_tui.tui.themes import rich_style
from sidestep_tui.tui.widgets.table import KeyTable, Row, cell
from sidestep_tui.tui.words import word

_SINCE, _KIND, _STEP = 11, 10, 8
_PADDING = 2
_SCROLLBAR = 1
_NARROWEST = 20


class _StateTable(KeyTable):
    """A table made from a run's state, laid out again when its width changes."""

    EMPTY: ClassVar[str]
    """What it says while there are no rows."""

    WIDEST: ClassVar[int] = 2
    """The column that has room for words."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as Textual calls it
        super().__init__(id=id, wrap=True, follow=True)
        self._state: RunState | None = None
        self._laid_out_for = 0

    def show(self, state: RunState) -> None:
        """Shows what this state tells."""
        self._state = state
        if not self.size.width:
            return
        if self.size.width != self._laid_out_for:
            self._laid_out_for = self.size.width
            self._lay_out(self.size.width - _SCROLLBAR)
        rows = self._rows_of(state)
        self.show_cursor = bool(rows)
        self.set_rows(rows or [self._nothing()])

    def on_resize(self, _event: events.Resize) -> None:
        """Fills the new width."""
        if self._state is not None:
            self.show(self._state)

    def _lay_out(self, width: int) -> None:
        raise NotImplementedError

    def _rows_of(self, state: RunState) -> list[Row]:
        raise NotImplementedError

    def _nothing(self) -> Row:
        """A row that says why there are none, in the widest column."""
        cells = [
            cell(self.EMPTY, rich_style(self, "text-muted"), wrap=True) if c == self.WIDEST else cell("")
            for c in range(len(self.columns))
        ]
        return "", tuple(cells)


class EventTable(_StateTable):
    """Warnings, checkpoints, samples, validations, requests and the end, oldest first."""

    EMPTY = _("Nothing worth a line has happened yet: warnings, checkpoints, samples and validations come here.")

    def __init__(self) -> None:
        super().__init__(id="events")

    def _lay_out(self, width: int) -> None:
        self.set_columns(
            [(_("   Since"), _SINCE), (_("What"), _KIND), ("", max(_NARROWEST, width - _SINCE - _KIND - 3 * _PADDING))]
        )

    def _rows_of(self, state: RunState) -> list[Row]:
        start = state.started_at or 0.0
        return [self._row(happening, start) for happening in happenings(state)]

    def _row(self, happening: Happening, start: float) -> Row:
        time, number, colour, kind, text = happening
        since = cell(duration(time - start), rich_style(self, "text-muted"), right=True)
        return str(number), (since, cell(word(kind), rich_style(self, colour)), cell(text, wrap=True))


class FileTable(_StateTable):
    """Checkpoints, samples, results."""

    EMPTY = _("Nothing is written yet.")

    def __init__(self) -> None:
        super().__init__(id="files")
        self.gone: frozenset[str] = frozenset()
        """Paths of what was written and has been deleted since."""

    @property
    def current_path(self) -> str | None:
        """The path of the file under the cursor; None for a result that is a number or a word."""
        files = {file.key: file for file in run_files(self._state, self.gone)} if self._state is not None else {}
        file = files.get(self.current_key or "")
        return file.path if file is not None and (file.kind != "result" or "/" in file.path) else None

    def _lay_out(self, width: int) -> None:
        path, note = _shares(max(_NARROWEST, width - _KIND - _STEP - 4 * _PADDING))
        self.set_columns([(_("What"), _KIND), (_("   Step"), _STEP), (_("Path or value"), path), ("", note)])

    def _rows_of(self, state: RunState) -> list[Row]:
        return [self._row(file) for file in run_files(state, self.gone)]

    def _row(self, file: RunFile) -> Row:
        muted = rich_style(self, "text-muted")
        kind = cell(word(file.kind), rich_style(self, file.colour))
        path, note = cell(file.path, wrap=True), cell(file.note, muted, wrap=True)
        return file.key, (kind, cell(file.step, muted, right=True), path, note)


def _shares(width: int) -> tuple[int, int]:
    return width * 3 // 5, width - width * 3 // 5
