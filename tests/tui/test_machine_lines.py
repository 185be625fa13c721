"""The cards and the host, a line for each."""

from dataclasses import replace

from textual.app import App, ComposeResult

from sidestep_tui.tui.widgets.machine import MachineLines

from .conftest import MACHINE


class Shown(App[None]):
    """Nothing but the lines."""

    def compose(self) -> ComposeResult:
        yield MachineLines()


async def test_a_card_that_tells_no_memory_keeps_its_line() -> None:
    app = Shown()
    async with app.run_test(size=(100, 6)):
        lines = app.query_one(MachineLines)
        part = replace(MACHINE.cards[0], name="NVIDIA A100 MIG 1g.5gb", memory_total=0, memory_used=0)
        lines.snapshot = replace(MACHINE, cards=(part,))
        card = str(lines.render()).splitlines()[0]
    assert "A100 MIG" in card
    assert "memory not told" in card
