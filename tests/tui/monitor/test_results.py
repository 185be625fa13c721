"""What a run has come to, in the line that the monitor has for it: figures before paths, which would fill it."""

from collections.abc import Awaitable, Callable

from textual.pilot import Pilot

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp

from ..conftest import shown


async def test_a_long_path_hides_no_figure(
    make_app: Callable[..., SidestepApp],
    make_run: Callable[..., RunDirectory],
    settle: Callable[[Pilot[None]], Awaitable[None]],
    training_events: Callable[..., list[ev.Event]],
) -> None:
    results = {"adapter": f"/a/long/way{'/to/it' * 12}", "steps": 200, "validation_loss": 2.053}
    run = make_run("done", events=training_events(200, 200, ev.RunCompleted(results=results)))
    async with make_app("monitor", run=run).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "Done  steps 200   validation loss 2.053   adapter /a/long/way/to" in shown(pilot.app)
