"""The queued runs as a table: place, name, condition, how far."""

from collections.abc import Collection, Mapping
from typing import Final

from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.runs.queue import Queue
from sidestep_tui.texts import _
from sidestep_tui.tui.figures import count, share
from sidestep_tui.tui.outline import SYMBOLS, Headway, headway
from sidestep_tui.tui.text import shorten_middle
from sidestep_tui.tui.themes import rich_style
from sidestep_tui.tui.widgets.table import KeyTable, Row, cell
from sidestep_tui.tui.words import unit, word

_PLACE, _CONDITION, _DONE = 5, 14, 26
_PADDING, _SCROLLBAR, _NARROWEST = 2, 1, 12
_FRAME: Final = 2


class QueueTable(KeyTable):
    """Rows are keyed by the run's path."""

    def __init__(self) -> None:
        super().__init__(id="queued")
        self._name_width = 0

    def show(
        self,
        queue: Queue,
        known: Mapping[RunDirectory, RunSummary],
        damaged: Collection[RunDirectory],
        screen_width: int,
    ) -> None:
        """Shows the queued runs in their order.

        Args:
            queue: the queue.
            known: the runs that can be read.
            damaged: those that are there and cannot be read; what is neither is missing.
            screen_width: of the terminal, in cells, for the time before the table is laid out.
        """
        room = self.size.width or screen_width - _FRAME
        width = max(_NARROWEST, room - _PLACE - _CONDITION - _DONE - 4 * _PADDING - _SCROLLBAR)
        if width != self._name_width:
            self._name_width = width
            self.set_columns(
                [(_("Place"), _PLACE), (_("Run"), width), (_("Condition"), _CONDITION), (_("Done"), _DONE)]
            )
        rows: list[Row] = []
        for place, run in enumerate(queue.runs, start=1):
            summary = known.get(run)
            symbol, colour = SYMBOLS[summary.condition] if summary else ("×", "error")
            lost = _("damaged") if run in damaged else _("missing")
            condition = f"{symbol} {word(summary.condition) if summary else lost}"
            way = headway(summary.state) if summary else None
            name = cell(shorten_middle(run.name, width), rich_style(self, "foreground", bold=True))
            cells = (cell(str(place), right=True), name, cell(condition, rich_style(self, colour)))
            rows.append((str(run.path), (*cells, cell(_told(way) if way else ""))))
        self.set_rows(rows)


def _told(way: Headway) -> str:
    """`40 % of 1 200 steps`; `11 batches` where that was enough."""
    if way.completed:
        return way.told
    return _("{share} of {total} {unit}").format(
        share=share(way.share), total=count(way.total), unit=unit(way.unit, way.total)
    )
