"""Starting an engine: it outlives its launcher, and one that does not start is quoted."""

import os
import signal
import subprocess
import sys
import time

import pytest

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.control import send_command
from sidestep_tui.runs.history import summarise
from sidestep_tui.runs.launch import launch

LAUNCHER = """
import signal, sys
from pathlib import Path
from sidestep_tui.runs import launch
from sidestep_tui.runs.directory import RunDirectory
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored where the tests themselves run under nohup
launch.ENGINE_MODULE = "stub_engine"
print(launch.launch(RunDirectory(Path(sys.argv[1]))), flush=True)
signal.pause()
"""


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def test_the_engine_survives_the_hang_up_of_its_launcher(make_run, stub_engine):
    stub_engine("wait")
    run = make_run()
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(run.path)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    engine = int(launcher.stdout.readline())
    os.killpg(launcher.pid, signal.SIGHUP)
    assert launcher.wait(timeout=30) == -signal.SIGHUP
    launcher.stdout.close()
    assert run.alive()
    assert os.getsid(engine) == engine
    send_command(run, "stop")
    until(lambda: not run.alive())
    assert summarise(run).condition == "stopped"


def test_launch_returns_when_the_engine_holds_the_run(make_run, stub_engine):
    stub_engine("wait")
    run = make_run()
    launch(run)
    assert run.alive()
    with pytest.raises(SidestepError, match="already working"):
        launch(run)
    send_command(run, "stop")
    until(lambda: not run.alive())


def test_an_engine_that_ends_at_once_did_start(make_run, stub_engine):
    stub_engine("complete")
    run = make_run()
    launch(run)
    until(lambda: summarise(run).condition == "completed")


def test_an_engine_that_does_not_start_is_quoted(make_run, stub_engine):
    stub_engine("refuse")
    run = make_run()
    with pytest.raises(SidestepError, match="did not start: No module named torch") as caught:
        launch(run)
    assert caught.value.where == str(run.engine_log)
    assert summarise(run).condition == "waiting"
