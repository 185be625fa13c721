"""Pictures of every screen at 80×24 and 120×36, from recorded events on a frozen clock."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from sidestep_tui.config.places import runs_home
from sidestep_tui.runs import events as ev
from sidestep_tui.runs import standing
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.notes import write_note

from .conftest import NOW, SIZES, Events, MakeApp, MakeRun, Matches

pytestmark = pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x36"])


@pytest.fixture
def living() -> Any:
    """Holds the locks of runs, as their engines would."""
    with ExitStack() as stack:
        yield lambda run: stack.enter_context(run.held()) or run


def several_runs(make_run: MakeRun, training_events: Events) -> RunDirectory:
    """A run in each condition; gives the living one."""
    encoded = [
        ev.RunStarted(job="preprocess", pid=1, host="box", device="cpu", version="0"),
        ev.Progress(done=18, total=18, unit="songs", failed=1),
        ev.RunCompleted(),
    ]
    make_run("encode songs", "preprocess", encoded, start=NOW - 90_000)
    voice = make_run("voice-lora-64", events=training_events(200, 200, ev.RunCompleted()), start=NOW - 50_000)
    hold(voice, 3 * 2**30)
    make_run("夜に駆ける [bold]", events=training_events(430, 1000), start=NOW - 40_000)
    make_run("too-fast", events=training_events(30, 200, ev.RunFailed(what="Not finite.")), start=NOW - 20_000)
    make_run("evening", events=training_events(100, 200, ev.RunStopped(reason="asked")), start=NOW - 9_000)
    make_run("saved for later", start=NOW - 600)
    waltz = make_run("waltz-night", events=training_events(620), start=NOW - 320)
    hold(waltz, 870 * 2**20)
    return waltz


def hold(run: RunDirectory, size: int) -> None:
    """Lets a run hold so many bytes, which take no room."""
    with (run.path / "adapter.safetensors").open("wb") as file:
        file.truncate(size)


def test_home_empty(size: tuple[int, int], make_app: MakeApp, matches: Matches) -> None:
    assert matches(make_app(), size)


def test_home_with_runs(
    size: tuple[int, int],
    make_app: MakeApp,
    make_run: MakeRun,
    training_events: Events,
    living: Any,
    matches: Matches,
) -> None:
    living(several_runs(make_run, training_events))
    assert matches(make_app(), size)


@pytest.mark.parametrize(
    ("steps", "end"),
    [
        pytest.param(0, None, id="loading"),
        pytest.param(7, None, id="early"),
        pytest.param(620, None, id="mid"),
        pytest.param(1200, ev.RunCompleted(results={"final_loss": 0.3412, "adapter": "final"}), id="done"),
        pytest.param(
            130, ev.RunFailed(what="The loss is not finite.", fix="lower optimizer.learning_rate"), id="failed"
        ),
    ],
)
def test_monitor(
    steps: int,
    end: ev.Event | None,
    size: tuple[int, int],
    make_app: MakeApp,
    make_run: MakeRun,
    training_events: Events,
    living: Any,
    matches: Matches,
) -> None:
    run = make_run("waltz-night", events=training_events(steps, 1200, *([end] if end else [])), start=NOW - 500)
    if end is None:
        living(run)
    assert matches(make_app("monitor", run=run), size)


@pytest.mark.parametrize(
    "keys",
    [
        ("2",),
        ("3",),
        ("6",),
        ("8",),
        ("9",),
        ("y", "plus", "left", "left"),
        ("x",),
        ("e",),
        ("o", "enter"),
        ("question_mark",),
    ],
    ids=["bands", "rate", "events", "files", "cards", "zoomed", "confirm", "learning-rate", "overlay", "help"],
)
def test_monitor_panels(
    keys: tuple[str, ...],
    size: tuple[int, int],
    make_app: MakeApp,
    make_run: MakeRun,
    training_events: Events,
    living: Any,
    matches: Matches,
) -> None:
    make_run("waltz-before, a longer name", events=training_events(900, 900, ev.RunCompleted()), start=NOW - 5000)
    told = [
        ev.WarningRaised(what='"[red]夜に駆ける[/red]" has no lyrics', where="songs/夜.mp3", fix="add 夜.txt"),
        ev.SampleWritten(path="samples/step-600.wav", prompt="a slow [waltz]", seed=42, step=600, adapter_scale=1.0),
    ]
    run = living(make_run("waltz-night", events=training_events(620, 1200, *told), start=NOW - 500))
    assert matches(make_app("monitor", run=run), size, *keys)


def test_sensitivity(
    size: tuple[int, int],
    make_app: MakeApp,
    make_run: MakeRun,
    sensitivity_event: Callable[[int], ev.SensitivityUpdated],
    living: Any,
    matches: Matches,
) -> None:
    start = ev.RunStarted(job="estimate", pid=1, host="box", device="cuda:0", version="0")
    counts = [ev.Progress(done=done, total=24, unit="batches") for done in (8, 9)]
    events = [start, ev.PhaseChanged(phase="measuring"), counts[0], sensitivity_event(9), counts[1]]
    run = living(make_run("ranking", "estimate", events, start=NOW - 60, gap=20))
    assert matches(make_app("monitor", run=run), size, "j", "j")


def test_preprocessing(
    size: tuple[int, int], make_app: MakeApp, make_run: MakeRun, living: Any, matches: Matches
) -> None:
    events = [
        ev.RunStarted(job="preprocess", pid=1, host="box", device="cuda:0", version="0"),
        ev.PhaseChanged(phase="encoding", detail="VAE on cuda:0"),
        ev.Progress(done=0, total=18, unit="songs"),
        ev.Progress(done=11, total=18, unit="songs", item="songs/夜に駆ける [live].flac", failed=1),
    ]
    run = living(make_run("encode songs", "preprocess", events, start=NOW - 60, gap=20))
    assert matches(make_app("monitor", run=run), size)


def test_queue_empty(size: tuple[int, int], make_app: MakeApp, matches: Matches) -> None:
    assert matches(make_app("queue"), size)


def test_queue(
    size: tuple[int, int],
    make_app: MakeApp,
    make_run: MakeRun,
    training_events: Events,
    living: Any,
    matches: Matches,
) -> None:
    several_runs(make_run, training_events)
    standing.set_paused(True)
    for name in ("too-fast", "夜に駆ける [bold]", "saved for later", "gone"):
        standing.add(RunDirectory(runs_home() / name))
    assert matches(make_app("queue"), size, "j")


@pytest.mark.parametrize("keys", [("c", "enter"), ("o", "o"), ("question_mark",)], ids=["compare", "sorted", "help"])
def test_home_history(
    keys: tuple[str, ...],
    size: tuple[int, int],
    make_app: MakeApp,
    make_run: MakeRun,
    training_events: Events,
    living: Any,
    matches: Matches,
) -> None:
    run = living(several_runs(make_run, training_events))
    write_note(run, "warm strings; try a lower rate [next]")
    assert matches(make_app(), size, *keys)
