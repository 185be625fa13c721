"""The memory bar in its two lines: every part is named where there is room, and fewer words are said where not."""

import pytest
from textual.app import App, ComposeResult

from sidestep_tui.config.memory.estimate import GIB, MemoryEstimate
from sidestep_tui.tui.wizard.memory_bar import MemoryBar
from sidestep_tui.tui.wizard.views import Figures, MemoryView

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


async def both_lines(view: MemoryView, width: int) -> list[str]:
    """What the bar says."""
    async with Bar(view).run_test(size=(width, 4)) as pilot:
        await pilot.pause()
        return [line.strip() for line in shown(pilot.app).splitlines()[:2]]


async def legend(view: MemoryView, width: int) -> str:
    """The second line of the bar."""
    return (await both_lines(view, width))[1]


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


ESTIMATE = view(12.9, sampling=0.8).memory
BY_A_RUN = Figures(1.0, 14 * GIB, "waltz-at-night-with-a-long-name-lora-64")
RAN_OUT = Figures(None, None, "", 13 * GIB)


@pytest.mark.parametrize("width", [40, 48, 56, 64, 80])
@pytest.mark.parametrize(
    ("view", "parts"),
    [
        pytest.param(MemoryView(ESTIMATE, None), "█", id="no card"),
        pytest.param(MemoryView(ESTIMATE, 24 * GIB), "█", id="fits"),
        pytest.param(MemoryView(ESTIMATE, 12 * GIB), "Nothing here makes it fit", id="too much"),
        pytest.param(MemoryView(ESTIMATE, 24 * GIB, BY_A_RUN), "█ meas", id="measured"),
        pytest.param(MemoryView(ESTIMATE, None, BY_A_RUN), "█ meas", id="measured without a card"),
        pytest.param(MemoryView(ESTIMATE, 13 * GIB, RAN_OUT), "Nothing here makes it fit", id="ran out"),
    ],
)
async def test_nothing_wraps_and_the_figures_stay(view: MemoryView, parts: str, width: int) -> None:
    first, second = await both_lines(view, width)
    assert first.startswith("Memory  ███")
    assert f"{view.total / GIB:.1f}" in first
    if view.free is not None:
        assert f"{view.free / GIB:.1f}" in first
        assert ("✓" if view.fits else "✗") in first
    assert second.startswith(parts)
    assert not second.endswith("…")


async def test_the_largest_parts_are_named_where_there_is_little_room() -> None:
    assert await legend(view(12.9, sampling=0.8), 40) == "█ model 12.9 ░ activ… 1.0 ▚ sampl… 0.8"


async def test_who_measured_is_left_out_before_any_part() -> None:
    measured = MemoryView(ESTIMATE, 24 * GIB, Figures(1.0, 14 * GIB, ""))
    assert await legend(measured, 56) == "█ measured 14.0 ▚ sampling 1.9 · reserve 0.7"
    assert "by a preflight" in await legend(measured, 80)
