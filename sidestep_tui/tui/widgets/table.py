"""A table that is driven by keys, whose cells are literal text, and that redraws only the cells that changed."""

from collections.abc import Sequence
from typing import ClassVar

from rich.console import JustifyMethod
from rich.style import Style as RichStyle
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets._data_table import DataTable

from sidestep_tui.texts import _
from sidestep_tui.tui.text import clean

Row = tuple[str, tuple[Text, ...]]
"""A row's key and its cells."""


class KeyTable(DataTable[Text], inherit_bindings=False):
    """A DataTable of rows, with the vim keys beside the arrows. Cells are made by `cell`: a plain str is markup."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "cursor_down", _("Down"), show=False),
        Binding("k,up", "cursor_up", _("Up"), show=False),
        Binding("g,home", "first_row", _("First row"), show=False),
        Binding("G,end", "last_row", _("Last row"), show=False),
        Binding("ctrl+d,pagedown", "page_down", _("Page down"), show=False),
        Binding("ctrl+u,pageup", "page_up", _("Page up"), show=False),
        Binding("enter", "select_cursor", _("Open"), show=False),
    ]

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - as Textual calls it
        wrap: bool = False,
        follow: bool = False,
    ) -> None:
        """`wrap` gives long rows several lines; `follow` keeps the last row in sight while the cursor is on it."""
        super().__init__(id=id, cursor_type="row", cell_padding=1)
        self._height = None if wrap else 1
        self._follow = follow
        self._shown: dict[str, tuple[Text, ...]] = {}
        self._left: str | None = None
        """The row that the cursor was on when other columns came, until the rows are back."""

    @property
    def current_key(self) -> str | None:
        """The key of the row under the cursor."""
        keys = list(self._shown)
        return keys[self.cursor_row] if 0 <= self.cursor_row < len(keys) else None

    def set_columns(self, columns: Sequence[tuple[str, int]]) -> None:
        """Labels and widths in cells. The rows go; give them again with `set_rows`, and the cursor is where it was."""
        self._left = self.current_key or self._left
        self.clear(columns=True)
        self._shown = {}
        for label, width in columns:
            self.add_column(Text(label), width=width)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Shows these rows; the cursor stays on the row that it was on, or on the one that followed where that went."""
        known, given = list(self._shown), [key for key, _ in rows]
        if known != given[: len(known)]:
            self._replace(rows)
            return
        self._update(rows[: len(known)])
        self._append(rows[len(known) :])
        if rows:
            self._go_to(self._left)
            self._left = None

    def _update(self, rows: Sequence[Row]) -> None:
        columns = list(self.columns)
        for key, cells in rows:
            for column, new, old in zip(columns, cells, self._shown[key], strict=True):
                if new != old or new.style != old.style:
                    self.update_cell(key, column, new)
            self._shown[key] = cells

    def _append(self, rows: Sequence[Row]) -> None:
        at_end = self.cursor_row >= self.row_count - 1
        for key, cells in rows:
            self.add_row(*cells, key=key, height=self._height)
            self._shown[key] = cells
        if rows and self._follow and at_end:
            self.move_cursor(row=self.row_count - 1)

    def _replace(self, rows: Sequence[Row]) -> None:
        keys, at = list(self._shown), max(0, self.cursor_row)
        nearest = (*keys[at:], *reversed(keys[:at]))
        self.clear()
        self._shown = {}
        self._append(rows)
        self._go_to(next((key for key in nearest if key in self._shown), None))

    def _go_to(self, key: str | None) -> None:
        if key in self._shown:
            self.move_cursor(row=list(self._shown).index(key))

    def action_first_row(self) -> None:
        """Moves the cursor to the first row."""
        self.move_cursor(row=0)

    def action_last_row(self) -> None:
        """Moves the cursor to the last row."""
        self.move_cursor(row=self.row_count - 1)


def cell(text: str, style: RichStyle | None = None, *, right: bool = False, wrap: bool = False) -> Text:
    """Outside text as one table cell: literal, without escape codes; on one line unless the table wraps."""
    justify: JustifyMethod = "right" if right else "left"
    if wrap:
        return Text(clean(text), style=style or "", justify=justify, overflow="fold")
    return Text(clean(text), style=style or "", justify=justify, no_wrap=True, overflow="ellipsis")
