"""Terminals of eight and sixteen colours, and `NO_COLOR`: every word can be read and the cursor is seen."""

from collections.abc import Awaitable, Callable

import pytest
from rich.color import Color, ColorSystem
from rich.segment import Segment
from textual.command import CommandList
from textual.pilot import Pilot

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.sensitivity.heat_map import HeatMap
from sidestep_tui.tui.wizard.dialogs import Choice, PickScreen

from .conftest import strips

MakeApp = Callable[..., SidestepApp]
MakeRun = Callable[..., RunDirectory]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]
Look = tuple[int, int, bool]

TERMINALS = {
    "console": {"TERM": "linux"},
    "screen, light": {"TERM": "screen", "SIDESTEP_THEME": "light"},
    "screen, colour-blind": {"TERM": "screen", "SIDESTEP_THEME": "colour-blind"},
    "own colours": {"TERM": "linux", "SIDESTEP_THEME": "terminal"},
    "no colour": {"TERM": "xterm-256color", "NO_COLOR": "1"},
    "console without colour": {"TERM": "linux", "NO_COLOR": "1"},
    "own colours without colour": {"TERM": "xterm", "NO_COLOR": "1", "SIDESTEP_THEME": "terminal"},
}


@pytest.fixture(params=TERMINALS.values(), ids=TERMINALS, autouse=True)
def terminal(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that shows little."""
    monkeypatch.delenv("COLORTERM", raising=False)
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)


def look(segment: Segment) -> Look:
    """Letter and ground as one of eight colours, and whether it is underlined; bold need not be seen."""
    style = segment.style
    assert style is not None
    letter, ground = of_eight(style.color, 7), of_eight(style.bgcolor, 0)
    return (ground, letter, bool(style.underline)) if style.reverse else (letter, ground, bool(style.underline))


def of_eight(colour: Color | None, default: int) -> int:
    """What a terminal of eight colours makes of one: the bright ones are those below them."""
    if colour is None or colour.is_default:
        return default
    number = colour.downgrade(ColorSystem.STANDARD).number
    assert number is not None
    return number % 8


def lines(app: SidestepApp) -> list[list[Segment]]:
    return [[segment for segment in strip if segment.style] for strip in strips(app)]


def unreadable(app: SidestepApp) -> list[str]:
    """The words that are drawn in the colour of their ground."""
    drawn = (segment for line in lines(app) for segment in line if any(map(str.isalnum, segment.text)))
    return [segment.text for segment in drawn if len(set(look(segment)[:2])) == 1]


def looks_of(app: SidestepApp, word: str) -> set[Look]:
    """How the letters of the line with this word look."""
    line = next(line for line in lines(app) if word in "".join(segment.text for segment in line))
    return {look(segment) for segment in line if word in segment.text}


@pytest.fixture
def runs(make_run: MakeRun, training_events: Events) -> RunDirectory:
    """Two runs in different conditions; the first in the list is given."""
    make_run("failed one", events=training_events(120, 200, ev.RunFailed(what="Not finite.")), start=1.0)
    return make_run("good one", events=training_events(120, 200, ev.RunCompleted()), start=9.0)


async def test_every_word_of_home_and_monitor_is_read_and_the_cursor_is_seen(
    runs: RunDirectory, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert unreadable(app) == []
        assert looks_of(app, "good one ").isdisjoint(looks_of(app, "failed one "))  # cells, not the path in the advice
        await pilot.press("enter")
        await settle(pilot)
        for panel in "126":
            await pilot.press(panel)
            await settle(pilot)
            assert unreadable(app) == []
        assert looks_of(app, "6 Events").isdisjoint(looks_of(app, "7 Log"))


async def test_the_chosen_line_of_a_list_of_settings_and_of_the_palette_is_seen(
    make_app: MakeApp, settle: Settle
) -> None:
    app = make_app("wizard")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n", "n", "down")
        await pilot.pause()
        assert unreadable(app) == []
        assert looks_of(app, "targets · attention").isdisjoint(looks_of(app, "targets · mlp"))
        await app.push_screen(PickScreen("Which?", [Choice("1", "first"), Choice("2", "second")]))
        await pilot.pause()
        assert looks_of(app, "first").isdisjoint(looks_of(app, "second"))
        await pilot.press("escape", "ctrl+p")
        await settle(pilot)
        top = app.screen.query_one(CommandList).region.y  # each command has a line for what it does
        titles = [{look(segment) for segment in lines(app)[top + row] if segment.text.strip()} for row in (0, 2)]
        assert titles[0].isdisjoint(titles[1])


async def test_every_cell_of_the_heat_map_stands_out(
    make_run: MakeRun, sensitivity_event: Callable[[int], ev.SensitivityUpdated], make_app: MakeApp, settle: Settle
) -> None:
    start = ev.RunStarted(job="estimate", pid=1, host="box", device="cpu", version="0")
    app = make_app("monitor", run=make_run("ranking", "estimate", [start, sensitivity_event(9)]))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        heat_map = app.screen.query_one(HeatMap)
        cells = [s for line in lines(app) for s in line if s.text.strip() and set(s.text) <= set("░▒▓█")]
        assert {letter for s in cells for letter in s.text} == set("░▒▓█")
        assert all(len(set(look(segment)[:2])) == 2 for segment in cells)
        assert heat_map.grid.kinds
