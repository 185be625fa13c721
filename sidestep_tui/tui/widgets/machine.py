"""Cards and host in one line each: memory as a bar, then load, power and temperature."""

from typing import TYPE_CHECKING

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sidestep_tui.texts import _
from sidestep_tui.texts.spoken import spoken
from sidestep_tui.tui.figures import load, share, size
from sidestep_tui.tui.outline import bar
from sidestep_tui.tui.text import clean, pad

if TYPE_CHECKING:
    from sidestep_tui.runs.machine import CardSnapshot, MachineSnapshot

_LABEL = 16
_BAR = 20
_NARROW_BAR = 12
_WIDE = 90


class MachineLines(Widget):
    """What the machine uses now; `snapshot` is None until it was asked for the first time."""

    snapshot: "reactive[MachineSnapshot | None]" = reactive(None)

    DEFAULT_CSS = "MachineLines { height: auto; }"

    def watch_snapshot(self, before: "MachineSnapshot | None", now: "MachineSnapshot | None") -> None:
        """Lays the screen out again, which draws all of it, only where a card came or went."""
        if _height(before) != _height(now):
            self.refresh(layout=True)

    def render(self) -> RenderResult:
        """One line for each card and one for the host."""
        if self.snapshot is None:
            return Content.styled(_("Looking at this machine …"), "$text-muted")
        several = len(self.snapshot.cards) > 1
        lines = [self._card(card, numbered=several) for card in self.snapshot.cards]
        return Content("\n").join([*lines, *self._host(self.snapshot)])

    def _card(self, card: "CardSnapshot", *, numbered: bool) -> Content:
        name = clean(card.name).removeprefix("NVIDIA ").removeprefix("GeForce ")
        name = f"{card.index} {name}" if numbered else name  # as in cuda:0
        return _line(name, card.memory_used, card.memory_total, self.size.width, [part for part in load(card) if part])

    def _host(self, machine: "MachineSnapshot") -> list[Content]:
        figures = [
            f"CPU {share(machine.processor)}",
            _("disk {size} free").format(size=size(machine.disk_free)),
        ]
        line = _line(_("Host memory"), machine.memory_used, machine.memory_total, self.size.width, figures)
        if not machine.cards_missing:
            return [line]
        missing = _("none: {reason}").format(reason=spoken(machine.cards_missing))
        return [
            Content.assemble(pad(_("Card"), _LABEL), (missing, "$text-muted")).truncate(self.size.width, ellipsis=True),
            line,
        ]


def _height(snapshot: "MachineSnapshot | None") -> int:
    return 1 if snapshot is None else 1 + len(snapshot.cards) + bool(snapshot.cards_missing)


def _line(label: str, used: int, total: int, room: int, figures: list[str]) -> Content:
    """Label, bar, memory, figures; where that is more than `room`, without the bar, then without the last figures."""
    full, rest = bar(used / total if total else 0, _BAR if room >= _WIDE else _NARROW_BAR)
    colour = "$primary" if used < 0.9 * total else "$warning"
    memory = _(" {used} of {total}").format(used=size(used), total=size(total)) if total else _(" memory not told")
    head = pad(label, _LABEL)
    line = Content.assemble(head, (full, colour), (rest, "$text-muted"), memory, _listed(figures))
    while line.cell_length > room and figures:
        line = Content.assemble(head, memory.lstrip(), _listed(figures))
        figures = figures[:-1]
    return line.truncate(room, ellipsis=True)


def _listed(figures: list[str]) -> tuple[str, str]:
    return "".join(f"  {figure}" for figure in figures), "$text-muted"
