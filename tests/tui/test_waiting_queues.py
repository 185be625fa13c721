"""A queue that waits for a device, a chain that has ended early, and what is said to whoever starts a run by hand."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sidestep_tui.config.places import runs_home
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs import cards, queue, standing
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.devices import note_devices
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.queue import sole_worker, start_queue
from sidestep_tui.tui.queue import chain_keys
from sidestep_tui.tui.queue.screen import QueueScreen
from sidestep_tui.tui.starting import start_engine
from sidestep_tui.tui.wizard.dialogs import PickScreen

from .conftest import NOW, SIZES, Events, Eventually, Looks, MakeApp, MakeRun, Settle, notes, shown

sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x36"])
Chain = Callable[[], tuple[RunDirectory, ...]]


@pytest.fixture(autouse=True)
def resumed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The queue files whose processes would have been started, on a machine with two cards."""
    files: list[Path] = []
    for module in (queue, standing, chain_keys):
        monkeypatch.setattr(module, "resume_queue", files.append)
    monkeypatch.setattr(cards, "driver_cards", lambda: (cards.Card("GPU-0", 1), cards.Card("GPU-1", 1)))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return files


@pytest.fixture
def chain(make_run: MakeRun, resumed: list[Path]) -> Path:
    """Encode, then train; nothing works on it."""
    file = start_queue([make_run("tune-preprocess", "preprocess", start=NOW - 60), make_run("tune", start=NOW - 59.8)])
    resumed.clear()
    return file


@pytest.fixture
def at_work() -> Iterator[ExitStack]:
    """What is held by processes that are at work."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def waltz(make_run: MakeRun, training_events: Events, at_work: ExitStack) -> RunDirectory:
    """A training run at work on the first card."""
    run = make_run("waltz-lora", events=training_events(430, 1000), start=NOW - 9_000)
    at_work.enter_context(run.held())
    note_devices(run)
    return run


def line_of(text: str) -> str:
    """What stands on the terminal, without its line breaks."""
    return " ".join(text.replace("│", " ").split())


async def test_a_chain_and_the_queue_say_for_whom_they_wait(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, chain: Path, waltz: RunDirectory, at_work: ExitStack
) -> None:
    standing.add(make_run("mine", start=NOW - 50))
    for file in (chain, standing.queue_file()):
        at_work.enter_context(sole_worker(file))
    app = make_app("queue")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        text = line_of(shown(app))
        assert (
            "The queue is waiting After a failure it goes on with the next. It starts the next run when waltz-lora"
            in text
        )
        assert "A chain waits for waltz-lora, then starts tune-preprocess" in text
        at_work.close()
        app.screen.read_queue()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "waltz-lora" not in shown(app)


async def test_the_monitor_of_a_run_that_waits_starts_it_all_the_same(
    make_app: MakeApp, settle: Settle, chain: Path, waltz: RunDirectory, at_work: ExitStack
) -> None:
    at_work.enter_context(sole_worker(chain))
    app = make_app("monitor", run=RunDirectory(runs_home() / "tune-preprocess"))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "This run waits until waltz-lora leaves the device: r starts it all the same." in shown(app)
        assert app.screen.check_action("resume", ())


async def test_home_says_for_whom_a_run_of_a_chain_waits(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, waltz: RunDirectory, at_work: ExitStack
) -> None:
    encoded = make_run("encoded", "preprocess", [ev.RunCompleted()], start=NOW - 60)
    at_work.enter_context(sole_worker(start_queue([encoded, make_run("tune", start=NOW - 59.8)])))
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "tune is started by itself when waltz-lora leaves the device." in line_of(shown(app))
        assert "starts when waltz-lora leaves the device" in shown(app)
        assert app.screen.check_action("resume", ())
        assert app.screen.check_action("enqueue", ()) is False


async def test_home_does_not_ask_to_start_what_the_queue_starts(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, at_work: ExitStack
) -> None:
    standing.add(make_run("mine"))
    at_work.enter_context(sole_worker(standing.queue_file()))
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "mine is started by itself, by the queue: u shows it." in line_of(shown(app))
        assert "starts by itself" in shown(app)
        assert app.screen.check_action("enqueue", ()) is False


async def test_a_chain_that_has_ended_early_goes_on(
    make_app: MakeApp, settle: Settle, chain: Path, resumed: list[Path], at_work: ExitStack
) -> None:
    app = make_app("queue")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        assert "A chain ended at tune-preprocess, waiting: r goes on 1 run waits." in line_of(shown(app))
        await pilot.press("r")
        await settle(pilot)
        assert resumed == [chain]
        at_work.enter_context(sole_worker(chain))
        app.screen.read_queue()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "A chain is at work beside it: tune-preprocess" in shown(app)
        assert not app.screen.check_action("go_on", ())


@pytest.mark.usefixtures("chain")
async def test_a_chain_that_cannot_go_on_says_why(
    make_app: MakeApp, settle: Settle, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_file: Path) -> None:
        raise SidestepError("The file cannot be written.", where="/queues")

    monkeypatch.setattr(chain_keys, "resume_queue", refuse)
    app = make_app("queue")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await eventually(pilot, lambda: any("The file cannot be written." in note for note in notes(app)))
        assert isinstance(app.screen, QueueScreen)


async def test_of_several_chains_one_is_chosen(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, eventually: Eventually, chain: Path, resumed: list[Path]
) -> None:
    failed = make_run("hymn-preprocess", "preprocess", [ev.RunFailed(what="No songs.")], start=NOW - 30)
    other = start_queue([failed, make_run("hymn", start=NOW - 29)])
    resumed.clear()
    app = make_app("queue")
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await eventually(pilot, lambda: isinstance(app.screen, PickScreen))
        await pilot.pause()
        assert "hymn-preprocess failed" in line_of(shown(app))
        await pilot.press("down", "enter")
        await eventually(pilot, lambda: resumed != [])
        assert resumed == [other]


async def test_a_run_started_by_hand_on_a_card_in_use_is_told(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, waltz: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[RunDirectory] = []
    monkeypatch.setattr("sidestep_tui.runs.launch.launch", launched.append)
    run = make_run("mine")
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        app.run_worker(lambda: start_engine(app, run), thread=True)
        await settle(pilot)
        assert "waltz-lora works on the same card: the two share its memory and its time." in notes(app)
    assert launched == [run]


async def test_a_key_pressed_before_the_screen_knows_of_the_chain_starts_nothing_out_of_turn(
    make_app: MakeApp, settle: Settle, chain: Path, at_work: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidestep_tui.runs.launch.launch", lambda run: pytest.fail(f"started {run}"))
    at_work.enter_context(sole_worker(chain))
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        app.run_worker(lambda: start_engine(app, RunDirectory(runs_home() / "tune")), thread=True)
        await settle(pilot)
        assert any("by itself, after tune-preprocess" in note for note in notes(app))


@sizes
@pytest.mark.parametrize("working", [True, False], ids=["waits", "has-ended-early"])
def test_a_chain_beside_the_queue_looks(
    size: tuple[int, int],
    working: bool,
    make_app: MakeApp,
    make_run: MakeRun,
    chain: Path,
    waltz: RunDirectory,
    at_work: ExitStack,
    looks: Looks,
) -> None:
    standing.add(make_run("mine", start=NOW - 50))
    at_work.enter_context(sole_worker(standing.queue_file()))
    if working:
        at_work.enter_context(sole_worker(chain))
    assert looks(make_app("queue"), size)


@sizes
def test_a_run_that_waits_for_the_device_looks(
    size: tuple[int, int], make_app: MakeApp, chain: Path, waltz: RunDirectory, at_work: ExitStack, looks: Looks
) -> None:
    at_work.enter_context(sole_worker(chain))
    assert looks(make_app("monitor", run=RunDirectory(runs_home() / "tune-preprocess")), size)
