"""What the application needs of its terminal before it draws anything."""

import io
import sys

import pytest

from sidestep_tui.errors import SidestepError
from sidestep_tui.tui.app import run_tui
from sidestep_tui.tui.process import check_terminal


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")


def test_a_terminal_whose_locale_has_no_lines_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("utf-8"))
    monkeypatch.setattr(sys, "stderr", Terminal("iso-8859-1"))
    with pytest.raises(SidestepError, match="this terminal is iso-8859-1") as told:
        run_tui()
    assert "LC_ALL=C.UTF-8" in (told.value.fix or "")
    monkeypatch.setattr(sys, "stderr", Terminal("UTF-8"))
    check_terminal()


def test_a_pipe_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("utf-8"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    with pytest.raises(SidestepError, match="no terminal to draw on"):
        run_tui()


def test_a_dumb_terminal_is_not_drawn_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emacs' shell, a serial line: a screen would be a heap of codes that nobody finds the way out of."""
    monkeypatch.setattr(sys, "stdin", Terminal("utf-8"))
    monkeypatch.setattr(sys, "stderr", Terminal("utf-8"))
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(SidestepError, match="this terminal is dumb") as told:
        run_tui()
    assert "sidestep wizard --plain" in (told.value.fix or "")
