"""Comparing presets: the first mark says what comes next, and taking it away says what Enter does again."""

from collections.abc import Callable

from sidestep_tui.tui.app import SidestepApp

from ..conftest import shown


async def test_a_mark_says_what_to_do_with_it(make_app: Callable[..., SidestepApp]) -> None:
    async with make_app("presets").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "enter loads one" in shown(pilot.app).splitlines()[0]
        await pilot.press("c")
        await pilot.pause()
        assert "move on: each is compared with 2b-8gb, until c here" in shown(pilot.app).splitlines()[0]
        await pilot.press("c")
        await pilot.pause()
        assert "enter loads one" in shown(pilot.app).splitlines()[0]
