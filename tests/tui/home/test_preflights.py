"""Preflights in the list of runs: out of sight once they are done, because the wizard has their figures."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from sidestep_tui.config.model import ModelSettings
from sidestep_tui.config.preflight import PreflightSettings
from sidestep_tui.config.train import DataSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.home.run_table import RunTable

from ..conftest import MakeRun, shown

MakeApp = Callable[..., SidestepApp]
Settle = Callable[[Pilot[None]], Awaitable[None]]

SETTINGS = PreflightSettings(
    model=ModelSettings(checkpoint=Path("/models/turbo")), data=DataSettings(tensors=Path("/data/tensors"))
)
START = ev.RunStarted(job="preflight", pid=1, host="box", device="cpu", version="0")


def measured(make_run: MakeRun, name: str, *end: ev.Event) -> None:
    """A preflight with this end."""
    make_run(name, "preflight", [START, *end], settings=SETTINGS)


def names(pilot: Pilot[None]) -> set[str]:
    """The runs in the table."""
    table = pilot.app.screen.query_one(RunTable)
    return {table.get_row_at(index)[1].plain for index in range(table.row_count)}


async def test_those_that_are_done_are_left_out_and_can_be_found(
    make_app: MakeApp, make_run: MakeRun, settle: Settle
) -> None:
    make_run("tune")
    measured(make_run, "tune-preflight", ev.RunCompleted())
    measured(make_run, "broken-preflight", ev.RunFailed(what="No songs."))
    async with make_app().run_test() as pilot:
        await settle(pilot)
        assert names(pilot) == {"tune", "broken-preflight"}
        assert "Runs without 1 preflight" in shown(pilot.app)
        await pilot.press("slash", *"preflight", "enter")
        await settle(pilot)
        assert names(pilot) == {"tune-preflight", "broken-preflight"}
        assert "without" not in shown(pilot.app)


async def test_whoever_has_only_measured_has_no_runs_yet(make_app: MakeApp, make_run: MakeRun, settle: Settle) -> None:
    measured(make_run, "tune-preflight", ev.RunCompleted())
    async with make_app().run_test() as pilot:
        await settle(pilot)
        assert "No runs yet" in shown(pilot.app)
        assert "The run is measured. Press n" in shown(pilot.app)
