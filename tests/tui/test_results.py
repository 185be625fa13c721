"""What a run has come to, in words: every result has a name that people read, and its unit."""

from sidestep_tui.runs import events as ev
from sidestep_tui.tui.results import results

from .conftest import Events, MakeApp, MakeRun, Settle, shown


def test_results_have_names_and_units() -> None:
    told = {"bytes": 414686, "energy_kept": 0.985, "seconds": 90.0, "seconds_per_step": 0.5144, "best_step": 150}
    assert [(one.name, one.value) for one in results(told)] == [
        ("size", "405 KiB"),
        ("energy kept", "98 %"),
        ("length", "1 min 30 s"),
        ("a step takes", "0.514 s"),
        ("best step", "150"),
    ]


def test_what_was_not_measured_is_left_out() -> None:
    assert [one.key for one in results({"steps": 20, "validation_loss": None})] == ["steps"]


def test_a_result_of_another_version_is_told_in_its_own_words() -> None:
    assert [(one.name, one.value) for one in results({"new_figure": 2.0})] == [("new figure", "2")]


async def test_a_run_that_is_done_says_done_and_its_results_stand_in_a_column(
    make_app: MakeApp, make_run: MakeRun, settle: Settle
) -> None:
    done = ev.RunCompleted(results={"modules": 44, "largest_relative_difference": 0.0, "bytes": 414686})
    run = make_run("adapter", "export", [ev.PhaseChanged(phase="checking"), done])
    async with make_app("monitor", run=run).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        lines = shown(pilot.app).splitlines()
    assert not any("checking" in line for line in lines)
    named = {line.strip() for line in lines}
    assert {"modules             44", "largest difference  0", "size                405 KiB"} <= named


async def test_what_was_written_over_stands_once_among_the_files(
    make_app: MakeApp, make_run: MakeRun, training_events: Events, settle: Settle
) -> None:
    best = [ev.CheckpointSaved(step=step, path="best", kind="best") for step in (50, 150)]
    run = make_run("album", events=training_events(20, 200, *best, ev.RunCompleted()))
    async with make_app("monitor", run=run).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("8")
        kept = [line.split() for line in shown(pilot.app).splitlines() if " best " in line]
    assert kept == [["checkpoint", "150", "best", "best"]]
