"""The monitor's keys for its charts: cursor, zoom, pan, log scale, and other runs drawn over this one."""

from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.texts import _
from sidestep_tui.tui.chart.widget import Chart
from sidestep_tui.tui.chart.window import Window
from sidestep_tui.tui.monitor.curves import CHARTS
from sidestep_tui.tui.monitor.overlays import Overlays, runs_to_overlay
from sidestep_tui.tui.monitor.panels import Panels
from sidestep_tui.tui.monitor.requests import EngineKeys
from sidestep_tui.tui.wizard.dialogs import Choice, PickScreen

CHART_NAMES = frozenset(chart.name for chart in CHARTS)
_ZOOM, _CURSOR_STEP, _PAN_STEP = 0.5, 0.02, 0.25


class ChartKeys(EngineKeys):
    """A screen about one run with `Panels`, whose charts share one window, one scale and the same other runs.

    Args:
        run: its directory.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "log_scale", _("Log scale"), tooltip=_("Logarithmic y axis on and off")),
        Binding("plus,equals_sign", "zoom(True)", _("Zoom"), key_display="+", tooltip=_("Show half as much")),
        Binding("minus", "zoom(False)", _("Zoom out"), show=False, tooltip=_("Show twice as much")),
        Binding("o", "overlay", _("Overlay"), tooltip=_("Draw another run over this one, or remove it")),
        Binding("left,h", "cursor(-1)", _("Cursor left"), show=False, tooltip=_("Read values out, further left")),
        Binding("right,l", "cursor(1)", _("Cursor right"), show=False, tooltip=_("Read values out, further right")),
        Binding("shift+left,H", "pan(-1)", _("Pan left"), show=False),
        Binding("shift+right,L", "pan(1)", _("Pan right"), show=False),
        Binding("0", "whole", _("Whole run"), show=False, tooltip=_("Show the whole run again, without the cursor")),
    ]

    def __init__(self, run: RunDirectory) -> None:
        super().__init__(run)
        self.window = Window()
        self.logarithmic = False
        self.overlays = Overlays()

    def show_panel(self) -> None:
        """Brings the open panel up to date."""
        raise NotImplementedError

    def action_log_scale(self) -> None:
        """Switches the y axis."""
        self.logarithmic = not self.logarithmic
        self.show_panel()

    def action_zoom(self, closer: bool) -> None:
        """Shows half or twice as much."""
        self._set_window(self.window.zoom(_ZOOM if closer else 1 / _ZOOM, *self._extent()))

    def action_cursor(self, direction: int) -> None:
        """Moves the read-out."""
        self._set_window(self.window.move_cursor(direction * _CURSOR_STEP, *self._extent()))

    def action_pan(self, direction: int) -> None:
        """Moves what is shown."""
        self._set_window(self.window.pan(direction * _PAN_STEP, *self._extent()))

    def action_whole(self) -> None:
        """Shows everything."""
        self._set_window(Window())

    @work
    async def action_overlay(self) -> None:
        """Lets the user choose another run, which is drawn over this one until it is chosen again."""
        runs = {str(run.path): run for run in runs_to_overlay(self.run)}
        if not runs:
            self.sidestep.tell(_("There is no other training run to draw over this one."), "warning")
            return
        choices = [
            Choice(path, f"{self.overlays.letter(run) or ' '} {run.name}", str(run.path.parent))
            for path, run in runs.items()
        ]
        title = _("Draw over this run (Enter shows a run or takes it away)")
        chosen = await self.app.push_screen_wait(PickScreen(title, choices))
        try:
            if chosen is not None and not self.overlays.toggle(runs[chosen]):
                self.sidestep.tell(_("No more runs fit over one another: take one away first."), "warning")
        except (SidestepError, OSError):  # it was deleted while it was listed
            self.sidestep.tell(_("the folder is gone, or holds no run"), "warning")
        self.overlays_changed()

    def overlays_changed(self) -> None:
        """Reads the runs that were chosen."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys appear only over a chart."""
        if action in ("log_scale", "zoom", "cursor", "pan", "whole", "overlay"):
            return self.is_mounted and self.query_one(Panels).current in CHART_NAMES
        return super().check_action(action, parameters)

    def _set_window(self, window: Window) -> None:
        self.window = window
        self.show_panel()

    def _extent(self) -> tuple[float, float]:
        return self.query_one(f"#{self.query_one(Panels).current}", Chart).extent
