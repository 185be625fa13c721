"""The help: what does not fit beside a key goes on below its words, so that the keys stand alone in their column."""

from collections.abc import Awaitable, Callable

from textual.pilot import Pilot

from sidestep_tui.tui.app import SidestepApp

from .conftest import shown


async def test_a_long_line_goes_on_under_its_words(
    make_app: Callable[..., SidestepApp], settle: Callable[[Pilot[None]], Awaitable[None]]
) -> None:
    async with make_app().run_test(size=(52, 40)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await pilot.pause()
        lines = shown(pilot.app).splitlines()
        first = next(number for number, line in enumerate(lines) if " n   " in line)
        column = lines[first].index("Set up a new run")
        assert "run" in lines[first] + lines[first + 1]
        assert lines[first + 1][column - 15 : column].strip() == ""
        assert lines[first + 1][column:].strip("│ ") == "step"
