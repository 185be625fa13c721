"""What goes over the line while an engine writes fifty events a second: counted at a real pseudo-terminal."""

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals here", allow_module_level=True)

from bench.live_run import Terminal, Watched, Writer, make_run

pytestmark = pytest.mark.slow
STEPS = 2_000
SECONDS = 4.0


def watched(name: str, *words: str) -> Watched:
    """What the monitor of a living run draws."""
    run = make_run(name, STEPS)
    writer = Writer(run, STEPS + 1)
    writer.start()
    terminal = Terminal(*words, "runs", "attach", str(run.path))
    try:
        terminal.wait_for(b"running")
        terminal.watch(1.0)  # until it is drawn in full
        return terminal.watch(SECONDS)
    finally:
        terminal.close()
        writer.end()


def test_at_most_five_redraws_a_second_and_few_bytes_on_a_thin_line() -> None:
    usual, thin = watched("usual"), watched("thin", "--low-bandwidth")
    assert 0 < usual.redraws <= 5 * usual.seconds
    assert 0 < thin.redraws <= thin.seconds + 1
    assert thin.total / thin.seconds < 0.6 * usual.total / usual.seconds
