"""The screens in Chinese: pictures at both sizes, and that no line is wider than its terminal.

The language is settled when a process starts, so a process of English tests starts another one for these. To look at
them, or to accept them as they are: `SIDESTEP_TEST_LANGUAGE=zh_CN pytest tests/tui/test_chinese.py --snapshot-update`.
"""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from sidestep_tui.runs import events as ev
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.texts import LANGUAGE
from sidestep_tui.tui.app import SidestepApp

MakeApp = Callable[..., SidestepApp]
MakeRun = Callable[..., RunDirectory]
Settle = Callable[[Pilot[None]], Awaitable[None]]
Events = Callable[..., list[ev.Event]]
NOW = 1_760_000_000.0

chinese = pytest.mark.skipif(LANGUAGE != "zh_CN", reason="runs in a process that speaks Chinese")
sizes = pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["80x24", "120x36"])


@pytest.fixture
def matches(snap_compare: Any, settle: Settle) -> Callable[..., bool]:
    """Whether an application looks as it did, once it has read everything and taken `keys`."""

    def compare(app: SidestepApp, size: tuple[int, int], *keys: str) -> bool:
        async def prepare(pilot: Pilot[None]) -> None:
            await settle(pilot)
            for key in keys:
                await pilot.press(key)
                await pilot.pause()

        same: bool = snap_compare(app, terminal_size=size, run_before=prepare)
        return same

    return compare


@pytest.mark.skipif(LANGUAGE == "zh_CN", reason="this is that process")
@pytest.mark.slow
def test_in_a_process_that_speaks_chinese() -> None:
    command = [sys.executable, "-m", "pytest", __file__, "-q", "-p", "no:cacheprovider"]
    spoken = {**os.environ, "SIDESTEP_TEST_LANGUAGE": "zh_CN"}
    done = subprocess.run(command, capture_output=True, text=True, env=spoken, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


@chinese
@sizes
def test_home(
    size: tuple[int, int], make_app: MakeApp, make_run: MakeRun, training_events: Events, matches: Callable[..., bool]
) -> None:
    make_run("voice-lora-64", events=training_events(200, 200, ev.RunCompleted()), start=NOW - 50_000)
    make_run("too-fast", events=training_events(30, 200, ev.RunFailed(what="Not finite.")), start=NOW - 20_000)
    make_run("夜に駆ける", events=training_events(430, 1000), start=NOW - 9_000)
    assert matches(make_app(), size)


@chinese
@sizes
@pytest.mark.parametrize("keys", [(), ("6",), ("question_mark",)], ids=["loss", "events", "help"])
def test_monitor(
    keys: tuple[str, ...],
    size: tuple[int, int],
    make_app: MakeApp,
    make_run: MakeRun,
    training_events: Events,
    matches: Callable[..., bool],
) -> None:
    run = make_run("waltz-night", events=training_events(620, 1200), start=NOW - 500)
    with run.held():
        assert matches(make_app("monitor", run=run), size, *keys)


@chinese
@sizes
@pytest.mark.parametrize("keys", [(), ("n", "n")], ids=["model", "adapter"])
def test_wizard(keys: tuple[str, ...], size: tuple[int, int], make_app: MakeApp, matches: Callable[..., bool]) -> None:
    assert matches(make_app("wizard"), size, *keys)
