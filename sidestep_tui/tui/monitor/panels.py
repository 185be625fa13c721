"""The panels of the monitor: which ones a job has, and one widget that holds them."""

from collections.abc import Iterator
from typing import Final

from textual.app import ComposeResult, RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from sidestep_tui.config.jobs import JobName
from sidestep_tui.texts import _
from sidestep_tui.tui.chart.widget import Chart
from sidestep_tui.tui.monitor.cards import CardPanel
from sidestep_tui.tui.monitor.curves import CHARTS
from sidestep_tui.tui.monitor.log_view import LogView
from sidestep_tui.tui.monitor.progress import ProgressPanel
from sidestep_tui.tui.monitor.tables import EventTable, FileTable
from sidestep_tui.tui.sensitivity.panel import SensitivityPanel

_COMMON: Final = (("events", _("Events")), ("log", _("Log")), ("files", _("Files")), ("cards", _("Cards")))


def panels_of(job: JobName) -> tuple[tuple[str, str], ...]:
    """Names and titles of a job's panels, the main one first."""
    match job:
        case "train":
            return (*((chart.name, chart.title) for chart in CHARTS), *_COMMON)
        case "estimate":
            return (("sensitivity", _("Sensitivity")), *_COMMON)
        case _:
            return (("progress", _("Progress")), *_COMMON)


class PanelTabs(Widget):
    """The panels' titles in one line, the open one marked. A click opens one."""

    auto_links = False
    DEFAULT_CSS = "PanelTabs { height: 1; padding: 0 1; }"

    current = reactive("")

    def __init__(self, panels: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self._panels = panels

    def render(self) -> RenderResult:
        """Digits open a panel, so each title has its own; where they have no room, only the open panel's is told."""
        for edge, titles in ((" ", True), ("", True), ("", False)):
            line = Content("" if edge else " ").join(self._tabs(edge, titles=titles))
            if line.cell_length <= self.size.width:
                break
        return line

    def _tabs(self, edge: str, *, titles: bool) -> Iterator[Content]:
        """Each panel's digit, with its title where `titles` says so, or where the panel is open."""
        for digit, (name, title) in enumerate(self._panels, start=1):
            is_open = name == self.current
            words = f"{digit} {title}" if titles or is_open else str(digit)
            tab = Content.styled(f"{edge}{words}{edge}", "bold reverse $primary" if is_open else "$text-muted")
            yield tab.stylize(Style.from_meta({"@click": f"screen.open_panel({digit})"}))


class Panels(ContentSwitcher):
    """All panels of a job; one is shown."""

    DEFAULT_CSS = "Panels { height: 1fr; } Panels > KeyTable { height: 1fr; }"

    def __init__(self, job: JobName) -> None:
        self.names = tuple(name for name, _ in panels_of(job))
        super().__init__(initial=self.names[0])

    def compose(self) -> ComposeResult:
        """One widget for each name."""
        for chart in CHARTS:
            if chart.name in self.names:
                yield Chart(empty=chart.empty, id=chart.name)
        if "sensitivity" in self.names:
            yield SensitivityPanel(id="sensitivity")
        if "progress" in self.names:
            yield ProgressPanel(id="progress")
        yield EventTable()
        yield LogView(id="log")
        yield FileTable()
        yield CardPanel(id="cards")

    def neighbour(self, distance: int) -> str:
        """The name of the panel so many places after the open one."""
        return self.names[(self.names.index(self.current or self.names[0]) + distance) % len(self.names)]
