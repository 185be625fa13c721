"""The monitor's clock: a living run's time goes on between its events, and a dead one's does not."""

from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import summarise
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.monitor.status import StatusLines

from ..conftest import NOW, shown

LOADING = [
    ev.RunStarted(job="train", pid=1, host="box", device="cpu", version="0"),
    ev.PhaseChanged(phase="loading", detail="the model"),
]


class Clock:
    """A clock that stands until it is set."""

    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time; the monitor looks at it so often that a test need not wait."""
    monkeypatch.setattr("sidestep_tui.tui.monitor.screen._TICK_SECONDS", 0.01)
    return Clock()


async def test_the_time_of_a_run_that_says_nothing_goes_on(
    clock: Clock,
    make_run: Callable[..., RunDirectory],
    settle: Callable[[Pilot[None]], Awaitable[None]],
    eventually: Callable[[Pilot[None], Callable[[], bool]], Awaitable[None]],
) -> None:
    run = make_run("silent", events=LOADING, start=NOW - 5)
    app = SidestepApp("monitor", clock=clock, arguments={"run": run})
    with run.held():
        async with app.run_test() as pilot:
            await settle(pilot)
            assert "for 4 s" in shown(app)
            clock.now += 130
            await eventually(pilot, lambda: "for 2 min 14 s" in shown(app))


def test_nothing_is_drawn_where_the_time_reads_the_same(make_run: Callable[..., RunDirectory]) -> None:
    """Beyond an hour it is told in minutes."""
    run = make_run("long", events=LOADING, start=NOW - 7200)
    status = StatusLines()
    with run.held():
        status.set_reactive(StatusLines.summary, summarise(run))
        status.set_reactive(StatusLines.now, NOW)
        status.tick(NOW + 1)
        assert status.now == NOW
        status.tick(NOW + 61)
        assert status.now == NOW + 61


async def test_a_run_that_has_ended_keeps_its_time(
    clock: Clock,
    make_run: Callable[..., RunDirectory],
    settle: Callable[[Pilot[None]], Awaitable[None]],
) -> None:
    run = make_run("over", events=[*LOADING, ev.RunStopped(reason="asked")], start=NOW - 60)
    app = SidestepApp("monitor", clock=clock, arguments={"run": run})
    async with app.run_test() as pilot:
        await settle(pilot)
        before = shown(app)
        clock.now += 1000
        assert isinstance(app.screen, MonitorScreen)
        app.screen.query_one(StatusLines).tick(clock())
        await pilot.pause()
        assert shown(app) == before
