"""What the monitor asks of the engine of a living run: which request is sent, what is asked and checked before it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from textual.pilot import Pilot

from sidestep_tui.runs import control
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.control import take_commands
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.tui.confirm import ConfirmScreen
from sidestep_tui.tui.monitor.requests import rate_problem
from sidestep_tui.tui.monitor.screen import MonitorScreen
from sidestep_tui.tui.wizard.dialogs import AskScreen

from ..conftest import Events, Eventually, MakeApp, MakeRun, Settle, notes, shown

Watched = Callable[..., AbstractAsyncContextManager[tuple[Pilot[None], RunDirectory]]]


@pytest.fixture
def watched(make_app: MakeApp, make_run: MakeRun, settle: Settle, training_events: Events) -> Watched:
    """Opens the monitor of a run that lives and is at its tenth step; `more` is what happened after that."""

    @asynccontextmanager
    async def opened(*more: ev.Event) -> AsyncIterator[tuple[Pilot[None], RunDirectory]]:
        run = make_run("live", events=[*training_events(10), *more])
        with run.held():
            async with make_app("monitor", run=run).run_test() as pilot:
                await settle(pilot)
                yield pilot, run

    return opened


async def test_a_stop_is_shown_before_the_engine_says_anything(watched: Watched, eventually: Eventually) -> None:
    """A song that is encoded, or a step, may take a minute, in which no event comes."""
    async with watched() as (pilot, _):
        await eventually(pilot, lambda: "● running" in shown(pilot.app))
        await pilot.press("x", "y")
        await eventually(pilot, lambda: "● stopping" in shown(pilot.app))


async def test_requests_reach_the_engine_and_stop_asks_first(watched: Watched, settle: Settle) -> None:
    async with watched() as (pilot, run):
        await pilot.press("s", "v", "p", "x")
        assert isinstance(pilot.app.screen, ConfirmScreen)
        await pilot.press("y")
        await settle(pilot)
    assert [command.name for command in take_commands(run)] == ["save", "validate", "pause", "stop"]


async def test_whoever_asks_while_blocks_compile_is_told_what_the_answer_waits_for(
    watched: Watched, settle: Settle
) -> None:
    async with watched(ev.PhaseChanged(phase=ev.COMPILING)) as (pilot, _run):
        await pilot.press("s")
        await settle(pilot)
        (note,) = notes(pilot.app)
    assert note == "Asked the engine: save. It answers when its blocks are compiled, in a minute or so."


async def test_a_paused_run_says_so_and_p_resumes_it(watched: Watched) -> None:
    async with watched(ev.CommandApplied(command="pause", step=10)) as (pilot, run):
        assert "● paused" in shown(pilot.app)
        footer = shown(pilot.app).splitlines()[-1]
        assert "p Go on" in footer
        assert "Pause" not in footer
        await pilot.press("p")
    assert [command.name for command in take_commands(run)] == ["resume"]


async def test_the_learning_rate_is_checked_before_it_is_sent(watched: Watched, settle: Settle) -> None:
    async with watched() as (pilot, run):
        await pilot.press("e")
        assert isinstance(pilot.app.screen, AskScreen)
        await pilot.press("end", *["backspace"] * 10, *"fast", "enter")
        assert isinstance(pilot.app.screen, AskScreen)
        assert "must be a number, not 'fast'" in shown(pilot.app)
        assert take_commands(run) == []
        await pilot.press(*["backspace"] * 10, *"5e-5", "enter")
        await settle(pilot)
        assert "Asked the engine: set optimizer.learning_rate=5e-5." in notes(pilot.app)
    sent = [(command.name, command.arguments) for command in take_commands(run)]
    assert sent == [("set", {"optimizer.learning_rate": "5e-5"})]


async def test_a_sample_can_be_asked_for_where_the_engine_takes_such_requests(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "COMMANDS", (*control.COMMANDS, "sample"))
    async with watched() as (pilot, run):
        await pilot.press("m")
    assert [command.name for command in take_commands(run)] == ["sample"]


async def test_a_song_that_arrives_is_told(watched: Watched, settle: Settle) -> None:
    async with watched() as (pilot, run):
        with EventWriter(run.events_file) as writer:
            writer.write(ev.SampleWritten(path="samples/a.wav", prompt="a waltz", seed=1, step=10))
        monitor = pilot.app.screen
        assert isinstance(monitor, MonitorScreen)
        monitor.read()
        await settle(pilot)
        assert ["A song was written: samples/a.wav." in note for note in notes(pilot.app)] == [True]


def test_a_rate_that_is_none_is_refused_in_words() -> None:
    assert rate_problem("5e-5") is None
    assert rate_problem("fast") == "must be a number, not 'fast'"
    assert rate_problem("-1") == "must be more than 0, not -1"
