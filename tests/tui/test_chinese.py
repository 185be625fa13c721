"""The screens in Chinese: pictures at both sizes, and that no line is wider than its terminal.

The language is settled when a process starts, so a process of English tests starts another one for these. To look at
them, or to accept them as they are: `SIDESTEP_TEST_LANGUAGE=zh_CN pytest tests/tui/test_chinese.py --snapshot-update`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot

from sidestep_tui.runs import events as ev
from sidestep_tui.texts import LANGUAGE

from .conftest import NOW, SIZES, Events, Eventually, Looks, MakeApp, MakeRun, Matches, shown
from .presets.support import paste

chinese = pytest.mark.skipif(LANGUAGE != "zh_CN", reason="runs in a process that speaks Chinese")
sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x36"])


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
    size: tuple[int, int], make_app: MakeApp, make_run: MakeRun, training_events: Events, matches: Matches
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
    matches: Matches,
) -> None:
    run = make_run("waltz-night", events=training_events(620, 1200), start=NOW - 500)
    with run.held():
        assert matches(make_app("monitor", run=run), size, *keys)


@chinese
@sizes
@pytest.mark.parametrize("keys", [(), ("n", "n")], ids=["model", "adapter"])
def test_wizard(keys: tuple[str, ...], size: tuple[int, int], make_app: MakeApp, matches: Matches) -> None:
    assert matches(make_app("wizard"), size, *keys)


@chinese
@sizes
def test_a_failed_run(
    size: tuple[int, int], make_app: MakeApp, make_run: MakeRun, training_events: Events, matches: Matches
) -> None:
    """What another process wrote down in English, read back from the run's folder."""
    warning = ev.WarningRaised(
        what="3 songs are too few to hold one out: over-fitting will not be seen.", fix="preprocess four songs or more"
    )
    failure = ev.RunFailed(
        what="The device's memory does not suffice for 232 s of song in a batch of 2: CUDA out of memory.",
        where="memory",
        fix="memory.checkpointing all (saves about 9.1 GiB: slower steps, the same numbers); "
        "or data.crop_seconds 120 (saves about 2.2 GiB: windows instead of whole songs)",
    )
    run = make_run("too-large", events=[*training_events(30, 1200, warning), failure], start=NOW - 500)
    assert matches(make_app("monitor", run=run), size, "6")


@chinese
@sizes
def test_a_preset_that_is_refused(size: tuple[int, int], make_app: MakeApp, looks: Looks) -> None:
    async def prepare(pilot: Pilot[None]) -> None:
        await paste(pilot, '{"settings": {"training": {"epochs": 0, "epoch": 3}, "memory": {"checkpointing": "some"}}}')

    assert looks(make_app("presets"), size, prepare)


@chinese
async def test_the_palette_asks_in_chinese(make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert "搜索命令…" in shown(pilot.app)


@chinese
async def test_the_palette_finds_nothing_in_chinese(make_app: MakeApp, eventually: Eventually) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+p", *"xyzzy")
        await eventually(pilot, lambda: "没有命令含有这些字" in shown(pilot.app))
        await pilot.press("enter", *["backspace"] * 5)
        await eventually(pilot, lambda: "没有命令" not in shown(pilot.app))
        assert CommandPalette.is_open(pilot.app)
