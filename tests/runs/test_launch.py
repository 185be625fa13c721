"""Starting an engine: it outlives its launcher, and one that does not start is quoted."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.control import send_command, take_commands
from sidestep_tui.runs.detached import start_detached
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


def test_what_an_engine_was_asked_for_too_late_does_not_stop_the_next_one(make_run, stub_engine):
    stub_engine("wait")
    run = make_run()
    with run.held():
        send_command(run, "stop")
    pid = launch(run)
    os.kill(pid, 0)
    assert take_commands(run) == []
    assert run.alive()
    send_command(run, "stop")
    os.waitpid(pid, 0)
    assert summarise(run).condition == "stopped"


def test_the_words_of_an_engine_that_does_not_start_are_its_own(make_run, monkeypatch, tmp_path):
    run = make_run()
    run.engine_log.write_text("what an earlier engine said\n")
    monkeypatch.setattr("sidestep_tui.runs.launch.ENGINE_MODULE", "no_such_module")
    with pytest.raises(SidestepError, match=r"did not start: .*No module named no_such_module"):
        launch(run)
    error = SidestepError("The disk is full.", where="/runs", fix="free some space")
    (tmp_path / "full_disk.py").write_text(f"raise SystemExit({str(error)!r})")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("sidestep_tui.runs.launch.ENGINE_MODULE", "full_disk")
    with pytest.raises(SidestepError, match="did not start: The disk is full"):
        launch(run)


def test_an_engine_that_cannot_begin_says_why(make_run):
    run = make_run()
    run.config_file.write_text(json.dumps(json.loads(run.config_file.read_text()) | {"settings": {}}))
    launch(run)
    until(lambda: not run.alive())
    summary = summarise(run)
    assert summary.condition == "failed"
    assert summary.state.failure.what.startswith("The run's settings are not valid here")


def test_what_is_no_run_is_not_started(make_run):
    run = make_run()
    run.config_file.unlink()
    with pytest.raises(SidestepError, match="This is not a run"):
        launch(run)


def test_a_home_that_is_named_from_here_is_the_same_place_for_what_is_started(tmp_path, monkeypatch):
    (tmp_path / "teller.py").write_text("from sidestep_tui.config.places import data_home; print(data_home())")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SIDESTEP_HOME", "home")
    with (tmp_path / "log").open("wb") as log:
        start_detached("teller", tmp_path, log).wait()
    assert (tmp_path / "log").read_text().strip() == str(tmp_path / "home")
