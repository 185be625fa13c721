"""Tables that fit the terminal: the least important columns go before the others become unreadable."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, OverflowMethod, RenderResult
from rich.table import Table
from rich.text import Text

_GAP: Final = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `goes` says how early it is left out where the width is short (0: never, the highest first).

    `least` cells are enough for a column whose cells may be cut (`folds`: broken over lines, so that they can be
    copied whole); None needs all that its cells are wide.
    """

    name: str
    goes: int = 0
    least: int | None = None
    folds: bool = False


class FittedTable:
    """A table without lines, as wide as the console has room for."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Sequence[Text | str]]) -> None:
        self._columns = columns
        self._rows = [[cell if isinstance(cell, Text) else Text(cell) for cell in row] for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._widths(options.max_width)
        table = Table(box=None, pad_edge=False)
        for place, width in widths.items():
            column = self._columns[place]
            overflow: OverflowMethod = "fold" if column.folds else "ellipsis"
            table.add_column(column.name, width=width, no_wrap=not column.folds, overflow=overflow)
        for row in self._rows:
            table.add_row(*(row[place] for place in widths))
        yield table

    def _widths(self, room: int) -> dict[int, int]:
        """Cells of each column that is shown, by its place."""
        whole = {place: self._whole(place) for place in range(len(self._columns))}
        least = {place: min(cells, self._columns[place].least or cells) for place, cells in whole.items()}
        while _extent(least) > room:
            leaving = max(least, key=lambda place: self._columns[place].goes)
            if not self._columns[leaving].goes:
                break
            del least[leaving]
        for place, cells in least.items():
            least[place] += max(0, min(whole[place] - cells, room - _extent(least)))
        return least

    def _whole(self, place: int) -> int:
        return max(cell_len(self._columns[place].name), *(row[place].cell_len for row in self._rows))


def _extent(widths: dict[int, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)
