"""The memory that the run would take, as a bar against what the card has free."""

from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sidestep_tui.config.memory.estimate import GIB, MARGIN
from sidestep_tui.texts import _
from sidestep_tui.tui.text import shorten
from sidestep_tui.tui.wizard.views import MemoryView, advice, amount, figure, source
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
_LABEL_CELLS: Final = 9
_NAME_CELLS: Final = 24
_SHORTEST_BAR: Final = 5
_MISSING: Final = "bold $text-error"


class MemoryBar(Widget):
    """Two lines: the bar with its figures, and its legend or the way to make the run fit."""

    DEFAULT_CSS = """
    MemoryBar { height: 2; padding: 0 1; }
    """
    view: reactive[MemoryView | None] = reactive(None)

    def render(self) -> RenderResult:
        """The two lines, each cut at the width where the shortest words are too long."""
        if self.view is None:
            return Content.styled(_("Memory   known once the settings are valid"), "$text-muted")
        lines = [_bar(self.view, self.size.width), _second_line(self.view, self.size.width)]
        return Content("\n").join(_cut(line, self.size.width) for line in lines)


def _cut(line: Content, width: int) -> Content:
    return line if line.rstrip().cell_length <= width else line.truncate(width, ellipsis=True)


def _bar(view: MemoryView, width: int) -> Content:
    """The bar takes what the figures leave; where that is not enough for one, they are said in fewer words."""
    for verdict in _verdicts(view):
        room = width - _LABEL_CELLS - verdict.cell_length
        if room >= _SHORTEST_BAR:
            break
    return Content.assemble((_("Memory  "), "bold"), *_cells(view, max(_SHORTEST_BAR, room)), verdict)


def _verdicts(view: MemoryView) -> Iterator[Content]:
    """What is needed against what is free, from the most words to the fewest."""
    whole, short = (f" {amount(view)}", "bold"), (f" {figure(view)} GiB", "bold")
    if view.free is None:
        where, there = _(" in the host's memory"), _(" in the host's memory")
        if not view.measured:
            where, there = _(" on a card (there is none here)"), _(" on a card")
        for total, place in ((whole, where), (whole, there), (short, there), (short, "")):
            yield Content.assemble(total, (place, "$text-muted"))
        return
    if view.fits:
        fits, sign = (_("✓ fits"), "$text-success"), ("✓", "$text-success")
    else:
        missing = (view.total - view.free * (1 - MARGIN)) / GIB
        fits, sign = (_("✗ {missing:.1f} too much").format(missing=missing), _MISSING), ("✗", _MISSING)
    free = _(" of {free:.1f} free ").format(free=view.free / GIB)
    bare, of = (f" {figure(view)}", "bold"), _(" of {free:.1f} GiB ").format(free=view.free / GIB)
    for parts in ((whole, free, fits), (short, free, fits), (bare, of, fits), (bare, of, sign)):
        yield Content.assemble(*parts)


def _second_line(view: MemoryView, width: int) -> Content:
    if view.change is not None:
        key = ("f", "bold $footer-key-foreground")
        return Content.assemble(key, " ", shorten(advice(view.change), max(20, width - 2)))
    if not view.fits:
        whole = _("Nothing here makes it fit: a larger card, or a smaller model, is needed")
        return Content.styled(whole if cell_len(whole) <= width else _("Nothing here makes it fit"), "$text-error")
    return _legend(view, width)


def _legend(view: MemoryView, width: int) -> Content:
    """What the parts of the bar are.

    Where not all of it fits, the names are cut until it does; then who measured is left out, then the smallest parts.
    """
    parts = [(name, size) for name, size in view.parts() if size]
    longest = max((cell_len(word(name)) for name, _ in parts), default=0)
    lengths = range(longest, _FEWEST_LETTERS - 1, -1)
    measured = source(view, _NAME_CELLS)
    looks = [(len(parts), measured, longest, 2)]
    looks += [(n, tail, letters, 1) for n in range(len(parts), 0, -1) for tail in (measured, "") for letters in lengths]
    for count, tail, letters, gap in looks:
        line = _named(parts, count, letters, gap) + Content.styled(tail, "$text-muted")
        if line.rstrip().cell_length <= width:
            break
    return line


def _named(parts: list[tuple[str, int]], count: int, letters: int, gap: int) -> Content:
    """The largest so many parts, in the bar's order, their names cut to so many letters."""
    largest = sorted(parts, key=lambda part: -part[1])[:count]
    line = Content("")
    for name, size in (part for part in parts if part in largest):
        words = f" {shorten(word(name), letters)} {size / GIB:.1f}{' ' * gap}"
        line += Content.assemble(_FILLS[name], (words, "$text-muted"))
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
