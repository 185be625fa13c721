"""Long runs in the viewer: a hundred thousand steps open at once, and a day of events stays small."""

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals here", allow_module_level=True)

from bench.live_run import make_run
from bench.tui_latency import DAY_STEPS, memory_of, opening

pytestmark = pytest.mark.slow


async def test_a_run_of_a_hundred_thousand_steps_opens_in_a_second() -> None:
    run = make_run("long", 100_000)
    best = min([(await opening(run))[1] for _ in range(2)])
    assert best < 1.0  # seconds of processor time: how long others make it wait is not the viewer's doing


def test_a_day_of_events_takes_less_than_150_megabytes() -> None:
    _, resident = memory_of(make_run("a day", DAY_STEPS))
    assert resident < 150e6
