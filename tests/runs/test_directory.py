"""A run directory: made once, read by anyone, and held by one engine that is alive exactly while it holds it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sidestep_tui.config.jobs import ExportSettings
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.runs import directory
from sidestep_tui.runs.directory import RunDirectory, create_run

HOLDER = """
import sys, time
from pathlib import Path
from sidestep_tui.runs.directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).held():
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder():
    """`holder(run)` starts a process that holds the run's lock."""
    processes = []

    def hold(run):
        process = subprocess.Popen([sys.executable, "-c", HOLDER, str(run.path)], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in processes:
        process.kill()
        process.communicate()


def test_settings_are_read_as_they_were_given(make_run):
    run = make_run()
    assert run.exists()
    assert run.job() == "export"
    assert run.settings() == ExportSettings(adapter=Path("/adapter"), output=Path("/exported"))
    assert abs(run.created_at() - time.time()) < 60


def test_relative_paths_mean_the_same_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    (tmp_path / "work").mkdir()
    run = create_run(Path("work/../run"), "export", ExportSettings(adapter=Path("work/../a"), output=Path("~/b")))
    monkeypatch.chdir("/")
    assert run.path == tmp_path / "run"
    assert run.settings() == ExportSettings(adapter=tmp_path / "a", output=tmp_path / "me" / "b")


def test_a_run_is_not_made_twice_nor_over_something_else(make_run, tmp_path):
    make_run("run")
    with pytest.raises(UsageError, match="a run with this name already"):
        make_run("run")
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.wav").write_bytes(b"")
    (tmp_path / "file").write_bytes(b"")
    for taken in ("music", "file"):
        with pytest.raises(UsageError, match="taken by something"):
            make_run(taken)
    (tmp_path / "empty").mkdir()
    assert make_run("empty").exists()


def test_a_folder_that_is_no_run_says_so(tmp_path):
    run = RunDirectory(tmp_path)
    assert not run.exists()
    assert not run.alive()
    with pytest.raises(SidestepError, match="not a run"):
        run.settings()


@pytest.mark.parametrize("text", ["{", "[]", '{"job": "dance"}', '{"job": []}', "\xff"])
def test_damaged_settings_are_told(make_run, text):
    run = make_run()
    run.config_file.write_text(text, encoding="latin-1")
    with pytest.raises(SidestepError) as caught:
        run.job()
    assert caught.value.where == str(run.config_file)


def test_settings_of_another_version_name_that_version(make_run):
    run = make_run()
    document = json.loads(run.config_file.read_text())
    document["settings"]["colour"] = "blue"
    document["version"] = "9.9"
    run.config_file.write_text(json.dumps(document))
    with pytest.raises(SidestepError) as caught:
        run.settings()
    assert "9.9" in caught.value.fix


def test_settings_that_somebody_has_edited_are_told_in_plain_words(make_run):
    run = make_run()
    document = json.loads(run.config_file.read_text())
    document["settings"]["colour"] = "blue"
    run.config_file.write_text(json.dumps(document))
    with pytest.raises(SidestepError) as caught:
        run.settings()
    assert caught.value.what == "The run's settings are not valid here: colour: is not a setting (here)."
    assert "version" not in caught.value.fix


def test_a_run_is_alive_exactly_while_it_is_held(make_run):
    run = make_run()
    assert not run.alive()
    with run.held():
        assert run.alive()
        assert run.alive()
    assert not run.alive()


def test_a_killed_engine_is_not_alive(make_run, holder):
    run = make_run()
    process = holder(run)
    assert run.alive()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not run.alive()
    with run.held():
        assert run.alive()


def test_two_engines_are_refused(make_run, holder, monkeypatch):
    monkeypatch.setattr(directory, "_LOCK_PATIENCE_SECONDS", 0.1)
    run = make_run()
    holder(run)
    with pytest.raises(SidestepError, match="already working"), run.held():
        pytest.fail("a second engine got the lock")
