"""The runs as a table: condition, name, job, how far, last loss, how long ago."""

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType

from sidestep_tui.texts import _
from sidestep_tui.tui.figures import age, number, share
from sidestep_tui.tui.outline import SYMBOLS, bar, headway, last_loss
from sidestep_tui.tui.text import shorten
from sidestep_tui.tui.themes import rich_style
from sidestep_tui.tui.widgets.table import KeyTable, cell
from sidestep_tui.tui.words import word

if TYPE_CHECKING:
    from sidestep_tui.runs.history import RunSummary

_CONDITION, _JOB, _LOSS, _AGE = 13, 10, 7, 6
_PROGRESS, _PROGRESS_NARROW = 18, 8
_WIDE = 100
_PADDING = 2
_SCROLLBAR = 1


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
        self._runs: list[RunSummary] = []
        self._now = 0.0

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to open in an empty table."""
        return self.row_count > 0 if action == "select_cursor" else super().check_action(action, parameters)

    def show(self, runs: "list[RunSummary]", now: float) -> None:
        """Shows these runs as they are at `now`."""
        self._runs, self._now = runs, now
        if not self.size.width:
            return  # it is not laid out yet; `on_resize` comes
        progress = _PROGRESS if self.size.width >= _WIDE else _PROGRESS_NARROW
        fixed = (_CONDITION, _JOB, progress, _LOSS, _AGE)
        name_width = max(12, self.size.width - sum(fixed) - _PADDING * (len(fixed) + 1) - _SCROLLBAR)
        if name_width != self._name_width:
            self._name_width = name_width
            labels = (_("Condition"), _("Run"), _("Job"), _("Progress"), _("   Loss"), _("   Age"))
            self.set_columns(list(zip(labels, (_CONDITION, name_width, *fixed[1:]), strict=True)))
        self.set_rows([(str(run.run.path), self._cells(run, now)) for run in runs])

    def on_resize(self, _event: events.Resize) -> None:
        """Fills the new width."""
        self.show(self._runs, self._now)

    def _cells(self, run: "RunSummary", now: float) -> tuple[Text, ...]:
        symbol, colour = SYMBOLS[run.condition]
        last = run.state.updated_at or run.created_at
        return (
            cell(f"{symbol} {word(run.condition)}", rich_style(self, colour)),
            cell(shorten(run.run.name, self._name_width), rich_style(self, "foreground", bold=True)),
            cell(word(run.job)),
            self._progress(run),
            cell(number(last_loss(run.state)), right=True),
            cell(age(now - last), rich_style(self, "secondary"), right=True),
        )

    def _progress(self, run: "RunSummary") -> Text:
        way = headway(run.state)
        if way is None:
            return cell("")
        if self.size.width < _WIDE:
            return cell(share(way.share), right=True)
        full, rest = bar(way.share, _PROGRESS - 7)
        muted = rich_style(self, "secondary")
        return Text.assemble((full, rich_style(self, "primary")), (rest, muted), f" {share(way.share):>6}")
