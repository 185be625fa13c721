"""The runs as a table: condition, name, job, how far, recent loss, disk used, how long ago."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType

from sidestep_tui.texts import _
from sidestep_tui.tui.figures import age, number, share, size
from sidestep_tui.tui.outline import SYMBOLS, bar, headway
from sidestep_tui.tui.text import shorten_middle
from sidestep_tui.tui.themes import rich_style
from sidestep_tui.tui.widgets.table import KeyTable, cell
from sidestep_tui.tui.words import word

if TYPE_CHECKING:
    from sidestep_tui.runs.history import RunSummary

Column = TypeVar("Column")

_CONDITION, _JOB, _LOSS, _DISK, _AGE = 13, 10, 7, 8, 6
_PROGRESS, _PROGRESS_NARROW = 18, 8
_WIDE = 100
_FROM_WIDTH = {"age": 50, "job": 71, "loss": 71, "disk": _WIDE}
"""Cells from which on a column is there; the others always are."""

_SHORTEST_NAME = 12
_PADDING = 2
_SCROLLBAR = 1
_WORTH_TELLING = 2**20  # bytes on disk


class RunTable(KeyTable):
    """Rows are keyed by the run's path."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "select_cursor", _("Open"), key_display="enter", tooltip=_("Watch the run: curves, log, samples")
        ),
    ]

    def __init__(self) -> None:
        super().__init__(id="runs")
        self._name_width = 0
        self._laid_out: list[tuple[str, int]] = []
        self._runs: list[RunSummary] = []
        self._held: Mapping[str, int] = {}
        self._now = 0.0

    @property
    def wide(self) -> bool:
        """Whether there is room for the bars, and for what each run holds on disk."""
        return self.size.width >= _WIDE

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to open in an empty table."""
        return self.row_count > 0 if action == "select_cursor" else super().check_action(action, parameters)

    def show(self, runs: "list[RunSummary]", held: Mapping[str, int], now: float) -> None:
        """Shows these runs as they are at `now`; `held` is what each has on disk, by its path, where it is known."""
        self._runs, self._held, self._now = runs, held, now
        if not self.size.width:
            return  # it is not laid out yet; `on_resize` comes
        columns = self._fitting(
            job=(_("Job"), _JOB),
            progress=(_("Progress"), _PROGRESS if self.wide else _PROGRESS_NARROW),
            loss=(_("   Loss"), _LOSS),
            disk=(_("    Disk"), _DISK),
            age=(_("   Age"), _AGE),
        )
        fixed = [_CONDITION, *(width for _, width in columns)]
        room = self.size.width - sum(fixed) - _PADDING * (len(fixed) + 1) - _SCROLLBAR
        self._name_width = max(_SHORTEST_NAME, room)
        columns = [(_("Condition"), _CONDITION), (_("Run"), self._name_width), *columns]
        if columns != self._laid_out:
            self._laid_out = columns
            self.set_columns(columns)
        self.set_rows([(str(run.run.path), self._cells(run, now)) for run in runs])

    def on_resize(self, _event: events.Resize) -> None:
        """Fills the new width."""
        self.show(self._runs, self._held, self._now)

    def _fitting(self, **columns: Column) -> list[Column]:
        """Of something for each column that which the width has room for."""
        return [column for name, column in columns.items() if self.size.width >= _FROM_WIDTH.get(name, 0)]

    def _cells(self, run: "RunSummary", now: float) -> tuple[Text, ...]:
        symbol, colour = SYMBOLS[run.condition]
        muted = rich_style(self, "secondary")
        return (
            cell(f"{symbol} {word(run.doing)}", rich_style(self, colour)),
            cell(shorten_middle(run.run.name, self._name_width), rich_style(self, "foreground", bold=True)),
            *self._fitting(
                job=cell(word(run.job)),
                progress=self._progress(run),
                loss=cell(number(run.state.recent_loss()), right=True),
                disk=cell(told_size(self._held.get(str(run.run.path))), muted, right=True),
                age=cell(age(now - run.seen_at), muted, right=True),
            ),
        )

    def _progress(self, run: "RunSummary") -> Text:
        way = headway(run.state)
        if way is None:
            return cell("")
        if not self.wide:
            return cell(share(way.share), right=True)
        full, rest = bar(way.share, _PROGRESS - 7)
        muted = rich_style(self, "secondary")
        return Text.assemble((full, rich_style(self, "primary")), (rest, muted), f" {share(way.share):>6}")


def told_size(held: int | None) -> str:
    """What a run holds on disk, and nothing where it was not measured yet or is not worth a figure."""
    return size(held) if held is not None and held >= _WORTH_TELLING else ""
