"""The legend of the memory bar: every part of the bar is named, however narrow the terminal is."""

import pytest
from textual.app import App, ComposeResult

from sidestep_tui.config.memory import GIB, MemoryEstimate
from sidestep_tui.tui.wizard.memory_bar import MemoryBar
from sidestep_tui.tui.wizard.views import MemoryView

from ..conftest import shown


def view(model: float, *, sampling: float = 0.0) -> MemoryView:
    """An estimate in GiB; `sampling` is what the samples take beyond a step."""
    parts = {"model": model, "adapter": 0.6, "optimizer": 0.6, "activations": 1.0, "reserve": 0.7}
    held = {name: round(part * GIB) for name, part in parts.items()}
    step = sum(held.values())
    return MemoryView(MemoryEstimate(**held, sampling=step + round(sampling * GIB)), None)


class Bar(App[None]):
    """A memory bar and nothing else."""

    def __init__(self, view: MemoryView) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        bar = MemoryBar()
        bar.view = self._view
        yield bar


async def legend(view: MemoryView, width: int) -> str:
    """The second line of the bar."""
    async with Bar(view).run_test(size=(width, 4)) as pilot:
        await pilot.pause()
        return shown(pilot.app).splitlines()[1].strip()


@pytest.mark.parametrize("model", [2.9, 12.9])
@pytest.mark.parametrize("width", [80, 100, 120])
async def test_sampling_drops_nothing(model: float, width: int) -> None:
    line = await legend(view(model, sampling=0.8), width)
    assert line.startswith(f"█ model {model}")
    for symbol, amount in (("▓", "0.6"), ("▒", "0.6"), ("░", "1.0"), ("▚", "0.8"), ("·", "0.7")):
        entry = line[line.index(symbol) :].split()
        assert entry[2].startswith(amount)
    assert len(line) <= width - 2


async def test_names_are_whole_where_they_fit() -> None:
    whole = "█ model 2.9  ▓ adapter 0.6  ▒ optimizer 0.6  ░ activations 1.0  · reserve 0.7"
    assert await legend(view(2.9), 80) == whole
