"""The sensitivity panel: the heat map, and the ranking beside it; the cursor in one marks the module in the other.

Once the estimate has ended, its file tells the rank that each module earns, and a key takes it into the wizard.
"""

from pathlib import Path
from typing import ClassVar, Final, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from sidestep_tui.charts.sensitivity_grid import make_grid, place_of
from sidestep_tui.config.jobs import EstimateSettings
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import ModuleSensitivity
from sidestep_tui.runs.sensitivity_file import USUAL_NAME, read_sensitivity
from sidestep_tui.runs.state import RunState
from sidestep_tui.texts import _
from sidestep_tui.tui.figures import count, number
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.sensitivity.heat_map import HeatMap
from sidestep_tui.tui.themes import rich_style
from sidestep_tui.tui.widgets.table import KeyTable, Row, cell

_WIDE = 100
_WIDTHS: Final = {"place": 4, "module": 11, "strength": 8, "rank": 4, "error": 5}
"""Cells of the columns; the modules' take what is left."""
_SIGNS: Final = {"place": "   #", "error": "    ±"}
_FIRST_TO_GO: Final = ("error", "place")
_PADDING, _SCROLLBAR = 2, 1
_MARGIN = 3


class SensitivityPanel(Horizontal):
    """Follows an estimate: give it each new state of its run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "train_these", _("Train these"), tooltip=_("Set up a training run with these modules and ranks")),
    ]
    DEFAULT_CSS = """
    SensitivityPanel { height: 1fr; }
    SensitivityPanel > Vertical { padding: 0 2 0 1; }
    SensitivityPanel.-without-map { layout: vertical; }
    SensitivityPanel.-without-map > Vertical { width: 1fr; height: auto; }
    SensitivityPanel.-without-map HeatMap { display: none; }
    SensitivityPanel KeyTable { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as Textual calls it
        super().__init__(id=id)
        self._modules: tuple[ModuleSensitivity, ...] = ()
        self._laid_out: list[tuple[str, int]] = []
        self._settings: EstimateSettings | None = None
        self._ranks: dict[str, int] | None = None
        """Proposed ranks by module, once the estimate has ended."""

    def compose(self) -> ComposeResult:
        """The map at the left, the ranking at the right."""
        with Vertical():
            yield Static(id="batches")
            yield HeatMap()
        yield KeyTable(id="ranking")

    def show(self, run: RunDirectory, state: RunState) -> None:
        """Shows the ranking after the newest batch."""
        update = state.sensitivity
        if update is None:
            text = _("The map fills with the first measured batch.")
            if state.ended_at is not None:
                text = _("The estimate ended before a batch was measured.")
            self.query_one("#batches", Static).update(Content.styled(text, "$text-muted"))
            return
        self._take_proposal(run, ended=state.status in ("completed", "stopped"))
        done, total = count(update.batches_done), count(update.batches_total)
        told = _("[$text-muted]measured on[/] {done} of {total} [$text-muted]batches[/]").format(done=done, total=total)
        if self._ranks is not None and self._settings is not None:
            told += _("\n[$text-muted]ranks for the budget of rank[/] {rank}").format(rank=self._settings.rank)
        self.query_one("#batches", Static).update(told)
        self._modules = update.modules
        self.query_one(HeatMap).grid = make_grid(update.modules)
        self._fit()
        self.call_after_refresh(self._fill)

    def _take_proposal(self, run: RunDirectory, *, ended: bool) -> None:
        """Reads the file of an estimate that has ended; a resumed one will write another."""
        before = self._ranks
        if not ended:
            self._ranks = None
        elif self._ranks is None:
            try:
                self._settings = cast(EstimateSettings, run.settings())
                proposal = read_sensitivity(self._ranking_file(self._settings)).proposal
            except SidestepError:  # it was moved away since, or the run is of another version
                return
            self._ranks = {entry.module: entry.rank for entry in proposal}
        if before is not self._ranks:
            self.refresh_bindings()

    @staticmethod
    def _ranking_file(settings: EstimateSettings) -> Path:
        return settings.output or settings.tensors / USUAL_NAME

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is something to train once the file is there."""
        return self._ranks is not None if action == "train_these" else super().check_action(action, parameters)

    def action_train_these(self) -> None:
        """Opens the wizard with the model, the songs and the ranking of this estimate."""
        if self._settings is None:
            return
        choices = {
            "model.checkpoint": str(self._settings.model.checkpoint),
            "data.tensors": str(self._settings.tensors),
            "adapter.targets_from": str(self._ranking_file(self._settings)),
        }
        cast("SidestepScreen[None]", self.screen).sidestep.open("wizard", values=choices)

    def on_resize(self, event: events.Resize) -> None:
        """More room makes wider cells."""
        self.query_one(HeatMap).wide = event.size.width >= _WIDE
        self._fit()
        self.call_after_refresh(self._fill)

    def _fit(self) -> None:
        """The map takes what it needs, the ranking the rest; where that is too little for its figures, all of it."""
        needed = self.query_one(HeatMap).natural_width + _MARGIN
        least = _cells([name for name in self._columns() if name not in _FIRST_TO_GO])
        without_map = self.size.width - needed < least
        self.set_class(without_map, "-without-map")
        self.query_one(Vertical).styles.width = None if without_map else needed

    def _columns(self) -> list[str]:
        return [name for name in _WIDTHS if name != "rank" or self._ranks is not None]

    def _fill(self) -> None:
        table = self.query_one(KeyTable)
        names = self._columns()
        for name in _FIRST_TO_GO:
            if _cells(names) > table.size.width:
                names.remove(name)
        titles = {"module": _("Module"), "strength": _("Strength"), "rank": _("Rank"), **_SIGNS}
        widths = {**_WIDTHS, "module": _WIDTHS["module"] + max(0, table.size.width - _cells(names))}
        columns = [(titles[name], widths[name]) for name in names]
        if columns != self._laid_out:
            self._laid_out = columns
            table.set_columns(columns)
        table.set_rows([self._row(place, module, names) for place, module in enumerate(self._modules, start=1)])

    def _row(self, place: int, module: ModuleSensitivity, names: list[str]) -> Row:
        muted = rich_style(self, "text-muted")
        error = f"{100 * module.stderr / module.sensitivity:.0f} %" if module.sensitivity > 0 else "–"
        rank = self._ranks.get(module.module, "–") if self._ranks is not None else ""
        cells = {
            "place": cell(str(place), muted, right=True),
            "module": cell(_label(module.module)),
            "strength": cell(number(module.sensitivity, 3), right=True),
            "rank": cell(str(rank), right=True),
            "error": cell(error, muted, right=True),
        }
        return module.module, tuple(cells[name] for name in names)

    @on(KeyTable.RowHighlighted)
    def _mark(self, event: KeyTable.RowHighlighted) -> None:
        key = event.row_key.value
        self.query_one(HeatMap).selected = place_of(key) if key else None


def _cells(names: list[str]) -> int:
    """What these columns take at least."""
    return sum(_WIDTHS[name] + _PADDING for name in names) + _SCROLLBAR


def _label(module: str) -> str:
    place = place_of(module)
    return f"{place[1]:>2} {place[0]}" if place else module
