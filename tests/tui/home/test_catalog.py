"""The catalogue of runs: a run that takes the place of a deleted one has none of its history."""

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.removal import remove_run
from sidestep_tui.tui.follow import RunCatalog

from ..conftest import Events, MakeRun


def test_a_run_in_the_place_of_another_is_read_from_its_start(make_run: MakeRun, training_events: Events) -> None:
    older: RunDirectory = make_run("tune", events=training_events(30, 200, ev.RunFailed(what="Not finite.")))
    catalog = RunCatalog()
    (summary,) = catalog.poll()
    assert (summary.condition, summary.state.step) == ("failed", 30)
    remove_run(older)
    make_run("tune", "preprocess")
    (summary,) = catalog.poll()
    assert (summary.condition, summary.state.step, summary.job) == ("waiting", 0, "preprocess")
