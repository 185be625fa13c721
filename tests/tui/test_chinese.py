"""The screens in Chinese: pictures at both sizes, and that no line is wider than its terminal.

The language is settled when a process starts, so a process of English tests starts another one for these. To look at
them, or to accept them as they are: `SIDESTEP_TEST_LANGUAGE=zh_CN pytest tests/tui/test_chinese.py --snapshot-update`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sidestep_tui.runs import events as ev
from sidestep_tui.texts import LANGUAGE

from .conftest import NOW, SIZES, Events, MakeApp, MakeRun, Matches

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
