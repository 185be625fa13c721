"""Two runs side by side: their smoothed losses in one chart, and what differs between them below."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.compare import RATE_SET, Row, differing_settings, outcomes, rates_set
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.texts import _
from sidestep_tui.tui.chart.curve import Curve
from sidestep_tui.tui.chart.widget import Chart
from sidestep_tui.tui.chart.window import Window
from sidestep_tui.tui.figures import number
from sidestep_tui.tui.monitor.columns import StepColumns
from sidestep_tui.tui.outline import headway
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.text import clean, shorten_middle
from sidestep_tui.tui.widgets.table import KeyTable, cell
from sidestep_tui.tui.words import word

_NAME, _PADDING, _NARROWEST = 28, 2, 12
_FRAME = 5  # borders, the space inside them, the scroll bar
_COLOURS = ("curve-smooth", "curve-validation")


class CompareScreen(SidestepScreen[None]):
    """Shows two runs as they are now.

    Args:
        first: a run.
        second: another one.
    """

    HEADING = _("Compare")
    ABOUT = _("What differs between two runs: how they did, and every setting that is not the same.")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("b", "back", _("Back"), show=False)]
    DEFAULT_CSS = "CompareScreen #curves { height: 1fr; } CompareScreen #differences { height: 1fr; }"

    def __init__(self, first: RunSummary, second: RunSummary) -> None:
        super().__init__()
        self._runs = (first, second)
        self._rows: list[Row] = []

    def compose_body(self) -> ComposeResult:
        """The chart and the table."""
        yield Chart(empty=_("These runs have no loss."), id="curves")
        with Vertical(classes="panel", id="differences") as panel:
            panel.border_title = _("What differs")
            yield KeyTable(id="compared")

    def on_mount(self) -> None:
        """Draws both, and says why settings are missing where one of them is of another version."""
        self._rows = [
            (word(name), [_in_words(name, value, run) for value, run in zip(values, self._runs, strict=True)])
            for name, values in outcomes(self._runs)
        ]
        try:
            self._rows += differing_settings(self._runs)
        except SidestepError as error:
            self.sidestep.tell_error(error)
        self.query_one(Chart).show([self._curve(i) for i in (0, 1)], Window(), logarithmic=False)
        self.query_one(KeyTable).focus()

    def on_resize(self, _event: events.Resize) -> None:
        """Fills the width: names of settings whole where values keep room beside them."""
        room = self.size.width - _FRAME - 3 * _PADDING
        longest = max([_NAME, *(cell_len(name) for name, _ in self._rows)])
        name_width = min(longest, max(_NARROWEST, room - 2 * _NARROWEST))
        width = (room - name_width) // 2
        table = self.query_one(KeyTable)
        heads = (shorten_middle(clean(summary.run.name), width) for summary in self._runs)
        table.set_columns([("", name_width), *((head, width) for head in heads)])
        rows = ((name, (shorten_middle(name, name_width), *_cut(values, width))) for name, values in self._rows)
        table.set_rows([(name, tuple(map(cell, texts))) for name, texts in rows])

    def _curve(self, index: int) -> Curve:
        summary, columns = self._runs[index], StepColumns()
        columns.extend(summary.state.curves)
        mark = "ab"[index]
        return Curve(
            clean(summary.run.name), _COLOURS[index], columns.get("step"), columns.get("smooth_loss"), mark, sparse=True
        )


def _cut(values: Sequence[Any], width: int) -> Iterator[str]:
    return (shorten_middle(clean(_text(value)), width) for value in values)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return number(value) if isinstance(value, float) else str(value)


def _in_words(name: str, value: Any, run: RunSummary) -> Any:
    """An outcome as home tells it: in the language of this process."""
    if name == "done":
        way = headway(run.state)
        return way.told if way is not None else ""
    if name == RATE_SET:
        told = _("{rate} after step {step}")
        return ", ".join(told.format(rate=rate, step=step) for rate, step in rates_set(run.state)) or None
    return word(value) if isinstance(value, str) else value
