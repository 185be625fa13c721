"""Queued runs that cannot be read: the queue says what is damaged and where, and what is merely gone."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from sidestep_tui.config.places import runs_home
from sidestep_tui.runs import standing
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.tui.app import SidestepApp
from sidestep_tui.tui.queue.screen import QueueScreen

from .conftest import notes, shown

MakeApp = Callable[..., SidestepApp]
MakeRun = Callable[..., RunDirectory]
Settle = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue's process is not started."""
    monkeypatch.setattr(standing, "resume_queue", lambda file: 0)


@pytest.fixture
def damaged(make_run: MakeRun) -> RunDirectory:
    """A queued run whose settings were cut off."""
    run = make_run("cut off")
    standing.add(run)
    run.config_file.write_text('{"job": "tra', encoding="utf-8")
    return run


async def test_a_damaged_run_is_called_that_with_what_and_where(
    make_app: MakeApp, settle: Settle, damaged: RunDirectory
) -> None:
    async with make_app("queue").run_test(size=(120, 24)) as pilot:
        await settle(pilot)
        text = shown(pilot.app)
        assert "× damaged" in text
        assert "cut off cannot be read: The run's settings cannot be read" in text
        assert f"Where: {damaged.config_file}"[:100] in text.replace("│", "")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, QueueScreen)
        assert any("settings cannot be read" in note for note in notes(pilot.app))


async def test_a_run_that_is_gone_is_missing(make_app: MakeApp, settle: Settle) -> None:
    standing.add(RunDirectory(runs_home() / "gone"))
    async with make_app("queue").run_test(size=(120, 24)) as pilot:
        await settle(pilot)
        text = shown(pilot.app)
        assert "× missing" in text
        assert "gone cannot be read: the folder is gone" in text
        await pilot.press("enter")
        await pilot.pause()
        assert any("d takes it out of the queue" in note for note in notes(pilot.app))


async def test_a_run_of_another_place_that_is_gone_is_named_whole(
    make_app: MakeApp, settle: Settle, tmp_path: Path
) -> None:
    standing.add(RunDirectory(tmp_path / "elsewhere"))
    async with make_app("queue").run_test(size=(120, 24)) as pilot:
        await settle(pilot)
        assert f"Where: {tmp_path / 'elsewhere'}"[:100] in shown(pilot.app)


async def test_nothing_is_said_once_it_is_taken_out(
    make_app: MakeApp, make_run: MakeRun, settle: Settle, damaged: RunDirectory
) -> None:
    standing.add(make_run("whole"))
    async with make_app("queue").run_test(size=(120, 24)) as pilot:
        await settle(pilot)
        standing.remove(damaged)
        assert isinstance(pilot.app.screen, QueueScreen)
        pilot.app.screen.read_queue()
        await settle(pilot)
        assert "cannot be read" not in shown(pilot.app)
        assert "whole" in shown(pilot.app)
