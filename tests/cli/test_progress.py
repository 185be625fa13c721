"""The bar of long commands: on a terminal's error stream, and nowhere else."""

import io

import pytest

from sidestep_tui.cli.progress import progress_bar


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [_Terminal(), io.StringIO()])
def test_a_bar_is_for_terminals(stream, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("reading [b]songs") as tell:
        tell(0, 4)
        tell(4, 4)
    assert ("reading [b]songs" in stream.getvalue()) is stream.isatty()
    assert ("0/4" in stream.getvalue()) is stream.isatty()
    assert capsys.readouterr().out == ""
