"""Every card of this machine as it is now, and what the run itself uses; asked only while it is looked at."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult, RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sidestep_tui.texts import _
from sidestep_tui.tui.figures import load, size
from sidestep_tui.tui.text import clean, pad
from sidestep_tui.tui.widgets.machine import MachineLines
from sidestep_tui.tui.widgets.scroll import KeyScroll

if TYPE_CHECKING:
    from sidestep_tui.runs.machine import MachineSnapshot
    from sidestep_tui.runs.state import RunState

_LABEL = 20


class RunMemory(Widget):
    """What the engine has said about its device."""

    DEFAULT_CSS = "RunMemory { height: auto; margin-top: 1; }"

    state: "reactive[RunState | None]" = reactive(None)

    def watch_state(self, before: "RunState | None", now: "RunState | None") -> None:
        """Lays the panel out again only where there are other figures than before, not at each step."""
        if len(_facts(before)) != len(_facts(now)):
            self.refresh(layout=True)

    def render(self) -> RenderResult:
        """One line for each figure that is known."""
        if self.state is None:
            return ""
        lines = [Content.assemble((pad(name, _LABEL), "$text-muted"), value) for name, value in _facts(self.state)]
        return Content("\n").join([Content.styled(_("This run"), "bold $primary"), *lines])


class CardPanel(KeyScroll):
    """The machine above, the run below; many cards scroll."""

    DEFAULT_CSS = "CardPanel { height: 1fr; padding: 1 2; }"

    def compose(self) -> ComposeResult:
        """Both parts."""
        yield MachineLines()
        yield RunMemory()

    def show(self, state: "RunState", machine: "MachineSnapshot | None") -> None:
        """Shows both; `machine` is None until it was asked for the first time."""
        self.query_one(RunMemory).state = state
        self.query_one(MachineLines).snapshot = machine


def _facts(state: "RunState | None") -> list[tuple[str, str]]:
    if state is None:
        return []
    facts = [
        (
            _("device"),
            _("{device} on {host}").format(device=clean(state.device) or "–", host=clean(state.host) or "–"),
        )
    ]
    memory = state.memory
    if memory is None:
        return [*facts, (_("memory"), _("The engine has not measured it yet."))]
    facts.append((_("its process"), size(memory.process_bytes)))
    if memory.peak_bytes is not None:
        facts.append((_("its highest"), size(memory.peak_bytes)))
    if memory.device_bytes is not None:
        facts.append(
            (
                _("the whole card"),
                _("{used} of {total}").format(used=size(memory.device_bytes), total=size(memory.device_total_bytes)),
            )
        )
    names = (_("utilisation"), _("power"), _("temperature"))
    return [*facts, *((name, value) for name, value in zip(names, load(memory), strict=True) if value)]
