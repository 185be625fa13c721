"""The monitor: one run, living or dead, from its first event to now.

What `reading` has read, a few times a second, is drawn where it is open and has changed. Everything shown comes from
the run's state. The keys live in `requests` and `chart_keys`.
"""

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.remote import copy_command
from sidestep_tui.texts import _
from sidestep_tui.tui.chart.widget import Chart
from sidestep_tui.tui.line_screen import LineScreen
from sidestep_tui.tui.monitor.cards import CardPanel
from sidestep_tui.tui.monitor.chart_keys import CHART_NAMES
from sidestep_tui.tui.monitor.columns import StepColumns
from sidestep_tui.tui.monitor.curves import CHARTS
from sidestep_tui.tui.monitor.log_view import LogView
from sidestep_tui.tui.monitor.panels import Panels, PanelTabs, panels_of
from sidestep_tui.tui.monitor.progress import ProgressPanel
from sidestep_tui.tui.monitor.reading import RunReading
from sidestep_tui.tui.monitor.status import StatusLines
from sidestep_tui.tui.monitor.tables import EventTable, FileTable
from sidestep_tui.tui.sensitivity.panel import SensitivityPanel
from sidestep_tui.tui.widgets.table import KeyTable

_POLL_SECONDS = 0.25
_TICK_SECONDS = 1.0


class MonitorScreen(RunReading):
    """Watches a run; any number of viewers may.

    Args:
        run: its directory.

    Raises:
        SidestepError: the folder is no run.
    """

    HEADING = _("Monitor")
    ABOUT = _(
        "Leaving does not touch the run: its engine goes on, and opening it again shows everything from the start. "
        "On the loss chart, `train set` is the loss of training songs on the same draws as validation."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "panel(1)", _("Panel"), tooltip=_("The next panel (digits open one directly)")),
        Binding("shift+tab", "panel(-1)", _("Panel before"), show=False),
        Binding("a", "listen", _("Listen"), tooltip=_("The songs that the run has generated, with their pictures")),
        Binding("b,escape", "back", _("Back"), tooltip=_("Go back to the runs; this one goes on")),
        Binding(
            "c", "fetch", _("Copy scp line"), show=False, tooltip=_("The line that fetches the newest song, or a file")
        ),
        Binding(
            "1", "open_panel(1)", _("Open panel"), show=False, key_display="1 … 9", tooltip=_("Open a panel directly")
        ),
        *(Binding(str(digit), f"open_panel({digit})", show=False) for digit in range(2, 10)),
    ]

    def __init__(self, run: RunDirectory) -> None:
        super().__init__(run)
        self._columns = StepColumns()

    def compose_body(self) -> ComposeResult:
        """Status, the panels' titles, the open panel."""
        yield StatusLines()
        yield PanelTabs(panels_of(self.job))
        yield Panels(self.job)

    def on_mount(self) -> None:
        """Begins to follow."""
        self.set_context(self.run.name)
        self.action_open_panel(1)
        self.call_after_refresh(self.read)
        self.set_interval(self.sidestep.redraw_seconds(_POLL_SECONDS), self._read_if_in_front)
        self.set_interval(_TICK_SECONDS, self._tick)

    def _read_if_in_front(self) -> None:
        if self.in_front and not self.is_reading:
            self.read()

    def _tick(self) -> None:
        if self.in_front:
            self.query_one(StatusLines).tick(self.sidestep.clock())

    @on(RunReading.Updated)
    def _show(self, event: RunReading.Updated) -> None:
        status = self.query_one(StatusLines)
        before = status.summary
        songs = len(event.summary.state.samples) - (len(before.state.samples) if before else 0)
        if before is None or before.doing != event.summary.doing or status.wait != self.wait or songs:
            self.refresh_bindings()
        if before is not None and songs > 0:
            path = event.summary.state.samples[-1].path
            self.sidestep.tell(_("A song was written: {path}. Press a to listen.").format(path=path))
        status.now = self.sidestep.clock()
        status.problem, status.wait = "", self.wait
        status.summary = event.summary
        if event.log_lines:
            self.query_one(LogView).add(event.log_lines)
        self.show_panel()

    @on(RunReading.Unreadable)
    def _show_problem(self, event: RunReading.Unreadable) -> None:
        self.query_one(StatusLines).problem = event.reason
        self.refresh_bindings()

    def show_panel(self) -> None:
        """Brings the open panel up to date; the others wait until they are opened."""
        if self.summary is None:
            return
        state, name = self.summary.state, self.query_one(Panels).current
        if name in CHART_NAMES:
            chart = next(chart for chart in CHARTS if chart.name == name)
            self._columns.extend(state.curves)  # here and not in the thread: a key may draw them at any moment
            curves = [*chart.make(self._columns, state), *self.overlays.curves(chart.overlay)]
            self.query_one(f"#{name}", Chart).show(curves, self.window, logarithmic=self.logarithmic)
        elif name == "sensitivity":
            self.query_one(SensitivityPanel).show(self.run, state)
        elif name == "progress":
            self.query_one(ProgressPanel).state = state
        elif name == "events":
            self.query_one("#events", EventTable).show(state)
        elif name == "files":
            files = self.query_one("#files", FileTable)
            files.gone = self.gone
            files.show(state)
        elif name == "cards":
            self.query_one(CardPanel).show(state, self.machine)

    def action_panel(self, distance: int) -> None:
        """Opens a neighbouring panel."""
        self._open(self.query_one(Panels).neighbour(distance))

    def action_open_panel(self, number: int) -> None:
        """Opens a panel by its digit."""
        self._open(self.query_one(Panels).names[number - 1])

    def _open(self, name: str) -> None:
        panels = self.query_one(Panels)
        panels.current = name
        self.query_one(PanelTabs).current = name
        panel = panels.query_one(f"#{name}")
        target = panel if panel.can_focus else next(iter(panel.query(KeyTable)), None)
        self.set_focus(target)
        self.show_panel()
        self.refresh_bindings()
        self.look_at_cards(name == "cards")

    def action_listen(self) -> None:
        """Opens the songs."""
        self.sidestep.open("listen", run=self.run)

    def action_fetch(self) -> None:
        """Shows and copies the line that fetches the file under the cursor, or the newest song."""
        path = self._file_to_fetch()
        if path is None:
            self.sidestep.tell(_("There is nothing to fetch here yet."), "warning")
        else:
            self.app.push_screen(LineScreen(_("Type this on your own computer"), copy_command(path)))

    def _file_to_fetch(self) -> Path | None:
        if self.query_one(Panels).current == "files":
            chosen = self.query_one("#files", FileTable).current_path
            return self.run.path / chosen if chosen else None
        samples = self.summary.state.samples if self.summary is not None else ()
        return self.run.path / samples[-1].path if samples else None

    def overlays_changed(self) -> None:
        """Reads the chosen runs at once, and draws even where one was taken away."""
        self.read()
        self.show_panel()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        if action == "open_panel":
            return int(str(parameters[0])) <= len(panels_of(self.job))
        if action == "listen":
            return self.summary is not None and len(self.summary.state.samples) > 0
        return super().check_action(action, parameters)
