"""The key line: the way out and the help are always on it, and it names no key that types a letter just now."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.help import HelpScreen

from .conftest import SIZES, shown

MakeApp = Callable[..., SidestepApp]
Settle = Callable[[Pilot[None]], Awaitable[None]]


def key_line(pilot: Pilot[None]) -> str:
    """The last line of the terminal."""
    return shown(pilot.app).splitlines()[-1]


@pytest.mark.parametrize("width", [40, 60, *(size[0] for size in SIZES)])
async def test_the_monitor_says_how_to_leave_it(
    width: int,
    make_app: MakeApp,
    make_run: Callable[..., RunDirectory],
    settle: Settle,
    training_events: Callable[..., list[ev.Event]],
) -> None:
    song = ev.SampleWritten(path="samples/a.wav", prompt="a waltz", seed=1, step=10)
    run = make_run("live", events=[*training_events(10), song])
    with run.held():
        async with make_app("monitor", run=run).run_test(size=(width, 24)) as pilot:
            await settle(pilot)
            line = key_line(pilot)
            assert "esc Back" in line
            assert line.rstrip().endswith("? Help")


@pytest.mark.parametrize("screen", ["home", "queue", "presets", "wizard", "dataset"])
async def test_every_screen_says_how_to_leave_it(screen: str, make_app: MakeApp, settle: Settle) -> None:
    async with make_app(screen).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        line = key_line(pilot)
        assert "q Quit" in line if screen == "home" else " Back" in line
        assert line.rstrip().endswith(" Help")


async def test_while_a_path_is_typed_the_help_has_another_key(make_app: MakeApp, settle: Settle) -> None:
    async with make_app("dataset").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "f1 Help" in key_line(pilot)
        assert "?" not in key_line(pilot)
        await pilot.press("f1")
        assert isinstance(pilot.app.screen, HelpScreen)


async def test_it_follows_the_focus(make_app: MakeApp, settle: Settle, tmp_path: Path) -> None:
    async with make_app("dataset", path=tmp_path / "gone").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "? Help" in key_line(pilot)
        await pilot.press("o")
        await pilot.pause()
        assert "f1 Help" in key_line(pilot)


async def test_no_key_is_named_that_types_its_character(make_app: MakeApp, settle: Settle) -> None:
    async with make_app("wizard").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "/ Search" in key_line(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert "f1 Help" in key_line(pilot)
        assert "/" not in key_line(pilot)
