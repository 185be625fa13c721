"""Lines of the event log that are no events: passed over, and their number is among the monitor's figures."""

from collections.abc import Awaitable, Callable

from textual.pilot import Pilot

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import summarise
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.monitor.screen import MonitorScreen

from ..conftest import shown


async def test_their_number_is_told_and_follows_the_log(
    make_app: Callable[..., SidestepApp],
    make_run: Callable[..., RunDirectory],
    settle: Callable[[Pilot[None]], Awaitable[None]],
    training_events: Callable[..., list[ev.Event]],
) -> None:
    run = make_run("damaged", events=training_events(30))
    lines = run.events_file.read_bytes().splitlines(keepends=True)
    run.events_file.write_bytes(b"".join([*lines[:20], b"\x00\xff\n", b'{"type":"FromTheFuture"}\n', *lines[20:]]))
    assert summarise(run).skipped_lines == 2
    async with make_app("monitor", run=run).run_test() as pilot:
        await settle(pilot)
        assert "skipped 2 log lines" in shown(pilot.app)
        with run.events_file.open("ab") as log:
            log.write(b"{\n")
        assert isinstance(pilot.app.screen, MonitorScreen)
        pilot.app.screen.read()
        await settle(pilot)
        assert "skipped 3 log lines" in shown(pilot.app)


async def test_a_whole_log_has_no_such_figure(
    make_app: Callable[..., SidestepApp],
    make_run: Callable[..., RunDirectory],
    settle: Callable[[Pilot[None]], Awaitable[None]],
    training_events: Callable[..., list[ev.Event]],
) -> None:
    run = make_run("whole", events=training_events(30))
    with run.events_file.open("ab") as log:
        log.write(b'{"type":"StepCom')  # a line that is just being written is not damaged
    async with make_app("monitor", run=run).run_test() as pilot:
        await settle(pilot)
        assert "skipped" not in shown(pilot.app)
