"""The heat map: one cell for each module; shade and colour both say how strong it is, so it reads without colour."""

from typing import Final

from textual.app import RenderResult
from textual.color import Color
from textual.content import Content
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget

from sidestep_tui.charts.sensitivity_grid import Grid
from sidestep_tui.texts import _
from sidestep_tui.tui.text import pad

_SHADES: Final = "░▒▓█"
_NOT_MEASURED: Final = "·"
_LABEL: Final = 11
_TICK_EVERY: Final = 4
_LEGEND: Final = 26


class HeatMap(Widget):
    """Rows are kinds of module, columns are layers."""

    DEFAULT_CSS = "HeatMap { height: auto; }"

    grid: reactive[Grid] = reactive(Grid((), 0, {}), layout=True)
    selected: reactive[tuple[str, int] | None] = reactive(None)
    wide: reactive[bool] = reactive(False, layout=True)
    """Two terminal cells for each layer instead of one."""

    @property
    def natural_width(self) -> int:
        """Cells that the map and its legend need."""
        return max(_LABEL + self.grid.layers * (2 if self.wide else 1), _LABEL + _LEGEND)

    def render(self) -> RenderResult:
        """A line of layer numbers, a line for each kind, and the legend."""
        if not self.grid.kinds:
            return ""
        width = 2 if self.wide else 1
        low, high = (Color.parse(self.app.theme_variables[name]) for name in ("heat-low", "heat-high"))
        lines = [self._header(width), *(self._line(kind, width, low, high) for kind in self.grid.kinds)]
        return Content("\n").join([*lines, Content(""), self._legend(low, high)])

    def _header(self, width: int) -> Content:
        ticks = "".join(f"{layer:<{_TICK_EVERY * width}}" for layer in range(0, self.grid.layers, _TICK_EVERY))
        return Content.styled(pad(_("layer"), _LABEL) + ticks[: self.grid.layers * width + 1], "$text-muted")

    def _line(self, kind: str, width: int, low: Color, high: Color) -> Content:
        cells = [Content.styled(pad(kind, _LABEL), "$text-muted")]
        for layer in range(self.grid.layers):
            level = self.grid.levels.get((kind, layer))
            if level is None:
                cells.append(Content.styled(_NOT_MEASURED.ljust(width), "$text-muted"))
                continue
            style = _style(level, low, high)
            chosen = (kind, layer) == self.selected
            cells.append(Content.styled(_shade(level) * width, style + Style(reverse=True) if chosen else style))
        return Content("").join(cells)

    @staticmethod
    def _legend(low: Color, high: Color) -> Content:
        steps = [level / 7 for level in range(8)]
        shades = [Content.styled(_shade(level), _style(level, low, high)) for level in steps]
        muted = "$text-muted"
        parts = [
            Content.styled(pad("", _LABEL) + _("weak "), muted),
            *shades,
            Content.styled(_(" strong (log)"), muted),
        ]
        return Content("").join(parts)


def _shade(level: float) -> str:
    return _SHADES[min(len(_SHADES) - 1, int(level * len(_SHADES)))]


def _style(level: float, low: Color, high: Color) -> Style:
    """A blend of the two ends; the terminal's own sixteen colours cannot blend, the shade alone tells there."""
    return Style(foreground=high if low.ansi is not None else low.blend(high, 0.25 + 0.75 * level))
