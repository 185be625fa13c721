"""The dialog for one line of text: it says its keys, and what is wrong with the text in their place."""

from collections.abc import Callable

from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.wizard.dialogs import AskScreen

from ..conftest import shown


def refused(text: str) -> str | None:
    """Everything but a name without spaces."""
    return "no spaces" if " " in text else None


async def test_it_says_how_to_take_and_how_to_leave(make_app: Callable[..., SidestepApp]) -> None:
    app = make_app("presets")
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(AskScreen("Name", check=refused))
        await pilot.pause()
        assert "enter Take it    esc Go back" in shown(app)
        await pilot.press("a", "space")
        await pilot.pause()
        assert "! no spaces" in shown(app)
        assert "Take it" not in shown(app)
        await pilot.press("backspace")
        await pilot.pause()
        assert "enter Take it    esc Go back" in shown(app)
