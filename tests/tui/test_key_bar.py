"""The bottom line while there is nothing to be said there."""

import pytest

from sidestep_tui.tui.widgets.bars import KeyBar


def test_a_line_without_keys_is_drawn_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while the widget that had the focus is taken away: its bindings are gone, and those of the screen too."""
    monkeypatch.setattr(KeyBar, "_entries", lambda _self: {})
    assert str(KeyBar().render()) == ""
