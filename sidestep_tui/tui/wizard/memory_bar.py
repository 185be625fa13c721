"""The memory that the run would take, as a bar against what the card has free."""

from typing import Final

from rich.cells import cell_len
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sidestep_tui.config.memory import GIB, MARGIN
from sidestep_tui.texts import _
from sidestep_tui.tui.text import shorten
from sidestep_tui.tui.wizard.views import MemoryView, advice, amount, source
from sidestep_tui.tui.words import word

_FILLS: Final = {
    "measured": ("█", "$primary"),
    "model": ("█", "$primary"),
    "adapter": ("▓", "$accent"),
    "optimizer": ("▒", "$accent"),
    "activations": ("░", "$primary"),
    "sampling": ("▚", "$secondary"),
    "reserve": ("·", "$text-muted"),
}
_FEWEST_LETTERS: Final = 4


class MemoryBar(Widget):
    """Two lines: the bar with its figures, and its legend or the way to make the run fit."""

    DEFAULT_CSS = """
    MemoryBar { height: 2; padding: 0 1; }
    """
    view: reactive[MemoryView | None] = reactive(None)

    def render(self) -> RenderResult:
        """The two lines."""
        if self.view is None:
            return Content.styled(_("Memory   known once the settings are valid"), "$text-muted")
        return Content("\n").join([self._bar(self.view), self._second_line(self.view)])

    def _bar(self, view: MemoryView) -> Content:
        total = (f" {amount(view)}", "bold")
        if view.free is None:
            where = _(" in the host's memory") if view.measured else _(" on a card (there is none here)")
            verdict = Content.assemble(total, (where, "$text-muted"))
        elif view.fits:
            verdict = Content.assemble(
                total, _(" of {free:.1f} free ").format(free=view.free / GIB), (_("✓ fits"), "$text-success")
            )
        else:
            missing = (view.total - view.free * (1 - MARGIN)) / GIB
            verdict = Content.assemble(
                total,
                _(" of {free:.1f} free ").format(free=view.free / GIB),
                (_("✗ {missing:.1f} too much").format(missing=missing), "bold $text-error"),
            )
        width = max(10, self.size.width - 9 - verdict.cell_length)
        return Content.assemble((_("Memory  "), "bold"), *_cells(view, width), verdict)

    def _second_line(self, view: MemoryView) -> Content:
        if view.change is not None:
            key = ("f", "bold $footer-key-foreground")
            return Content.assemble(key, " ", shorten(advice(view.change), max(20, self.size.width - 2)))
        if not view.fits:
            return Content.styled(
                _("Nothing here makes it fit: a larger card, or a smaller model, is needed"), "$text-error"
            )
        return _legend(view, self.size.width)


def _legend(view: MemoryView, width: int) -> Content:
    """What each part of the bar is; where not all of it fits, the names are cut until it does."""
    parts = [(name, size) for name, size in view.parts() if size]
    longest = max((cell_len(word(name)) for name, _ in parts), default=0)
    looks = [(longest, 2), *((letters, 1) for letters in range(longest, _FEWEST_LETTERS - 1, -1))]
    for letters, gap in looks:
        line = Content("")
        for name, size in parts:
            words = f" {shorten(word(name), letters)} {size / GIB:.1f}{' ' * gap}"
            line += Content.assemble(_FILLS[name], (words, "$text-muted"))
        line += Content.styled(source(view), "$text-muted")
        if line.rstrip().cell_length <= width:
            break
    return line


def _cells(view: MemoryView, width: int) -> list[tuple[str, str]]:
    """The bar's pieces; its length is the larger of what is needed and what is free."""
    scale = max(view.total, view.free or 0)
    cells: list[tuple[str, str]] = []
    edge = filled = 0
    for name, size in view.parts():
        edge += size
        until = max(filled, round(width * edge / scale))
        cells.append((_FILLS[name][0] * (until - filled), _FILLS[name][1]))
        filled = until
    return [*cells, ("─" * (width - filled), "$panel-lighten-2")]
