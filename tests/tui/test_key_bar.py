"""The bottom line while there is nothing to be said there."""

import pytest
from textual.screen import Screen

from sidestep_tui.tui.widgets.bars import KeyBar

from .conftest import MakeApp


async def test_a_line_without_keys_is_drawn_empty(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while the widget that had the focus is taken away: its bindings are gone, and those of the screen too."""
    app = make_app()
    async with app.run_test() as pilot:
        await pilot.pause()
        bar = app.screen.query_one(KeyBar)
        assert str(bar.render())
        monkeypatch.setattr(Screen, "active_bindings", {})
        assert str(bar.render()) == ""
