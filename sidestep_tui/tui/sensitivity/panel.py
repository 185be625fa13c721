"""The sensitivity panel: the heat map, and the ranking beside it; the cursor in one marks the module in the other."""

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from sidestep_tui.runs.events import ModuleSensitivity
from sidestep_tui.runs.state import RunState
from sidestep_tui.tui.figures import count, number
from sidestep_tui.tui.sensitivity.grid import make_grid, place_of
from sidestep_tui.tui.sensitivity.heat_map import HeatMap
from sidestep_tui.tui.themes import rich_style
from sidestep_tui.tui.widgets.table import KeyTable, Row, cell

_WIDE = 100
_RANK, _NAME, _VALUE, _ERROR = 4, 11, 8, 5
_PADDING, _SCROLLBAR = 2, 1
_MARGIN = 3


class SensitivityPanel(Horizontal):
    """Follows an estimate: give it each new state."""

    DEFAULT_CSS = """
    SensitivityPanel { height: 1fr; }
    SensitivityPanel > Vertical { padding: 0 2 0 1; }
    SensitivityPanel KeyTable { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as Textual calls it
        super().__init__(id=id)
        self._modules: tuple[ModuleSensitivity, ...] = ()
        self._laid_out: list[tuple[str, int]] = []

    def compose(self) -> ComposeResult:
        """The map at the left, the ranking at the right."""
        with Vertical():
            yield Static(id="batches")
            yield HeatMap()
        yield KeyTable(id="ranking")

    def show(self, state: RunState) -> None:
        """Shows the ranking after the newest batch."""
        update = state.sensitivity
        if update is None:
            self.query_one("#batches", Static).update(Content.styled("Nothing is measured yet.", "$text-muted"))
            return
        done, total = count(update.batches_done), count(update.batches_total)
        self.query_one("#batches", Static).update(
            f"[$text-muted]measured on[/] {done} of {total} [$text-muted]batches[/]"
        )
        self._modules = update.modules
        self.query_one(HeatMap).grid = make_grid(update.modules)
        self._fit()
        self.call_after_refresh(self._fill)

    def on_resize(self, event: events.Resize) -> None:
        """More room makes wider cells."""
        self.query_one(HeatMap).wide = event.size.width >= _WIDE
        self._fit()
        self.call_after_refresh(self._fill)

    def _fit(self) -> None:
        """The map takes what it needs, the ranking the rest."""
        self.query_one(Vertical).styles.width = self.query_one(HeatMap).natural_width + _MARGIN

    def _fill(self) -> None:
        table = self.query_one(KeyTable)
        name_width = max(_NAME, table.size.width - _RANK - _VALUE - _ERROR - 4 * _PADDING - _SCROLLBAR)
        columns = [("   #", _RANK), ("Module", name_width), ("Strength", _VALUE), ("    ±", _ERROR)]
        fits = sum(width + _PADDING for _, width in columns) + _SCROLLBAR <= table.size.width
        if not fits:  # the error is the first to go
            columns.pop()
        if columns != self._laid_out:
            self._laid_out = columns
            table.set_columns(columns)
        rows = [self._row(rank, module) for rank, module in enumerate(self._modules, start=1)]
        table.set_rows([(key, cells[: len(columns)]) for key, cells in rows])

    def _row(self, rank: int, module: ModuleSensitivity) -> Row:
        muted = rich_style(self, "text-muted")
        error = f"{100 * module.stderr / module.sensitivity:.0f} %" if module.sensitivity > 0 else "–"
        cells = (
            cell(str(rank), muted, right=True),
            cell(_label(module.module)),
            cell(number(module.sensitivity, 3), right=True),
            cell(error, muted, right=True),
        )
        return module.module, cells

    @on(KeyTable.RowHighlighted)
    def _mark(self, event: KeyTable.RowHighlighted) -> None:
        key = event.row_key.value
        self.query_one(HeatMap).selected = place_of(key) if key else None


def _label(module: str) -> str:
    place = place_of(module)
    return f"{place[1]:>2} {place[0]}" if place else module
