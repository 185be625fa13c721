"""The monitor: one run, living or dead, from its first event to now.

A thread reads what is new of the events and of the log, four times a second, and posts it; handlers draw only
what is open and has changed. Everything shown comes from the run's state.
"""

import threading
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.control import send_command
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import RunSummary
from sidestep_tui.tui.chart.widget import Chart
from sidestep_tui.tui.chart.window import Window
from sidestep_tui.tui.confirm import stop_question
from sidestep_tui.tui.follow import RunFollower
from sidestep_tui.tui.monitor.columns import StepColumns
from sidestep_tui.tui.monitor.commands import paused
from sidestep_tui.tui.monitor.curves import CHARTS
from sidestep_tui.tui.monitor.log_tail import LogTail
from sidestep_tui.tui.monitor.log_view import LogView
from sidestep_tui.tui.monitor.panels import Panels, PanelTabs, panels_of
from sidestep_tui.tui.monitor.progress import ProgressPanel
from sidestep_tui.tui.monitor.status import StatusLines
from sidestep_tui.tui.monitor.tables import EventTable, FileTable
from sidestep_tui.tui.screen import SidestepScreen
from sidestep_tui.tui.sensitivity.panel import SensitivityPanel
from sidestep_tui.tui.starting import start_engine
from sidestep_tui.tui.widgets.table import KeyTable

_POLL_SECONDS = 0.25
_CHART_NAMES = frozenset(chart.name for chart in CHARTS)
_ZOOM, _CURSOR_STEP, _PAN_STEP = 0.5, 0.02, 0.25


class MonitorScreen(SidestepScreen[None]):
    """Watches a run; any number of viewers may.

    Args:
        run: its directory.

    Raises:
        SidestepError: the folder is no run.
    """

    HEADING = "Monitor"
    ABOUT = (
        "Leaving does not touch the run: its engine goes on, and opening it again shows everything from the start. "
        "On the loss chart, `train set` is the loss of training songs on the same draws as validation."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "panel(1)", "Panel", tooltip="The next panel (digits open one directly)"),
        Binding("shift+tab", "panel(-1)", "Panel before", show=False),
        Binding("s", "send('save')", "Save", tooltip="Write a checkpoint now"),
        Binding("v", "send('validate')", "Validate", tooltip="Measure the held-out songs now"),
        Binding("p", "pause", "Pause", tooltip="Pause after this step, or go on"),
        Binding("x", "stop", "Stop", tooltip="Save and stop (asks first)"),
        Binding("r", "resume", "Resume", tooltip="Continue the run after its newest checkpoint, or start it"),
        Binding("b,escape", "back", "Back", tooltip="Go back to the runs; this one goes on"),
        Binding("l", "log_scale", "Log scale", tooltip="Logarithmic y axis on and off"),
        Binding("plus,equals_sign", "zoom(True)", "Zoom", key_display="+", tooltip="Show half as much"),
        Binding("minus", "zoom(False)", "Zoom out", show=False, tooltip="Show twice as much"),
        Binding("left", "cursor(-1)", "Cursor left", show=False, tooltip="Read values out, further left"),
        Binding("right", "cursor(1)", "Cursor right", show=False, tooltip="Read values out, further right"),
        Binding("shift+left,H", "pan(-1)", "Pan left", show=False),
        Binding("shift+right,L", "pan(1)", "Pan right", show=False),
        Binding("0", "whole", "Whole run", show=False, tooltip="Show the whole run again, without the cursor"),
        Binding("1", "open_panel(1)", "Open panel", show=False, key_display="1 … 9", tooltip="Open a panel directly"),
        *(Binding(str(digit), f"open_panel({digit})", show=False) for digit in range(2, 10)),
    ]

    @dataclass
    class Updated(Message):
        """What a thread has just read: the run, and new lines of its log."""

        summary: RunSummary
        log_lines: list[str]

    def __init__(self, run: RunDirectory) -> None:
        super().__init__()
        self._run = run
        self._job = run.job()
        self._follower = RunFollower(run)
        self._log = LogTail(run.engine_log)
        self._columns = StepColumns()
        self._summary: RunSummary | None = None
        self._window = Window()
        self._logarithmic = False
        self._reading = threading.Lock()

    def compose_body(self) -> ComposeResult:
        """Status, the panels' titles, the open panel."""
        yield StatusLines()
        yield PanelTabs(panels_of(self._job))
        yield Panels(self._job)

    def on_mount(self) -> None:
        """Begins to follow."""
        self.set_context(self._run.name)
        self.action_open_panel(1)
        self.call_after_refresh(self.read)
        self.set_interval(_POLL_SECONDS, self._read_if_in_front)

    def _read_if_in_front(self) -> None:
        if self.is_current and not self._reading.locked():
            self.read()

    @work(thread=True, group="follow")
    def read(self) -> None:
        """Reads what is new; says so only where something is."""
        with self._reading:
            before = self._summary
            summary = self._follower.poll()
            lines = self._log.read()
            self._columns.extend(summary.state.curves)
            same = before is not None and before.state is summary.state and before.condition == summary.condition
            self._summary = summary
        if lines or not same:
            self.post_message(self.Updated(summary, lines))

    @on(Updated)
    def _show(self, event: Updated) -> None:
        status = self.query_one(StatusLines)
        if status.summary is None or status.summary.condition != event.summary.condition:
            self.refresh_bindings()
        status.now = self.sidestep.clock()
        status.summary = event.summary
        if event.log_lines:
            self.query_one(LogView).add(event.log_lines)
        self._show_panel()

    def _show_panel(self) -> None:
        """Brings the open panel up to date; the others wait until they are opened."""
        if self._summary is None:
            return
        state, name = self._summary.state, self.query_one(Panels).current
        if name in _CHART_NAMES:
            chart = next(chart for chart in CHARTS if chart.name == name)
            widget = self.query_one(f"#{name}", Chart)
            widget.show(chart.make(self._columns, state), self._window, logarithmic=self._logarithmic)
        elif name == "sensitivity":
            self.query_one(SensitivityPanel).show(state)
        elif name == "progress":
            self.query_one(ProgressPanel).state = state
        elif name == "events":
            self.query_one("#events", EventTable).show(state)
        elif name == "files":
            self.query_one("#files", FileTable).show(state)

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
        self._show_panel()
        self.refresh_bindings()

    def action_log_scale(self) -> None:
        """Switches the y axis."""
        self._logarithmic = not self._logarithmic
        self._show_panel()

    def action_zoom(self, closer: bool) -> None:
        """Shows half or twice as much."""
        self._set_window(self._window.zoom(_ZOOM if closer else 1 / _ZOOM, *self._extent()))

    def action_cursor(self, direction: int) -> None:
        """Moves the read-out."""
        self._set_window(self._window.move_cursor(direction * _CURSOR_STEP, *self._extent()))

    def action_pan(self, direction: int) -> None:
        """Moves what is shown."""
        self._set_window(self._window.pan(direction * _PAN_STEP, *self._extent()))

    def action_whole(self) -> None:
        """Shows everything."""
        self._set_window(Window())

    def _set_window(self, window: Window) -> None:
        self._window = window
        self._show_panel()

    def _extent(self) -> tuple[float, float]:
        return self.query_one(f"#{self.query_one(Panels).current}", Chart).extent

    def action_send(self, name: Literal["save", "validate", "pause", "resume", "stop"]) -> None:
        """Asks the engine for something; it answers with an event."""
        try:
            send_command(self._run, name)
        except SidestepError as error:
            self.sidestep.tell_error(error)
        else:
            self.sidestep.tell(f"Asked the engine: {name}.")

    def action_pause(self) -> None:
        """Pauses, or goes on."""
        self.action_send("resume" if self._summary and paused(self._summary.state) else "pause")

    @work
    async def action_stop(self) -> None:
        """Asks, then asks the engine."""
        if await self.app.push_screen_wait(stop_question(self._run.name)):
            self.action_send("stop")

    @work(thread=True, group="launch")
    def action_resume(self) -> None:
        """Starts the engine again."""
        start_engine(self.sidestep, self._run)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only where they would do something."""
        living = self._summary is not None and self._summary.condition == "running"
        match action:
            case "send" | "pause":
                return living and self._job == "train"
            case "stop":
                return living
            case "resume":
                return self._summary is not None and self._summary.condition not in ("running", "completed")
            case "log_scale" | "zoom" | "cursor" | "pan" | "whole":
                return self.is_mounted and self.query_one(Panels).current in _CHART_NAMES
            case "open_panel":
                return int(str(parameters[0])) <= len(panels_of(self._job))
            case _:
                return True
