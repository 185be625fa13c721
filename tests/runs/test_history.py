"""All runs of the machine: found where they are, forgotten when they are gone."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from sidestep_tui.config.places import run_index
from sidestep_tui.errors import SidestepError, UsageError
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.control import send_command, take_commands
from sidestep_tui.runs.history import find_run, list_runs, remember_run, summarise
from sidestep_tui.runs.log import EventWriter
from sidestep_tui.tui.follow import RunFollower

START = ev.RunStarted(job="export", pid=1, host="box", device="cpu", version="1")


def names():
    return [summary.run.name for summary in list_runs()]


def test_runs_are_found_in_the_usual_place_and_elsewhere_newest_first(make_run, sidestep_home):
    usual = make_run(sidestep_home / "runs" / "usual")
    elsewhere = make_run("elsewhere")
    for run in (usual, elsewhere, elsewhere):
        remember_run(run.path)
    assert names() == ["elsewhere", "usual"]
    assert json.loads(run_index().read_text()) == [str(elsewhere.path)]


def test_runs_that_were_moved_or_removed_are_forgotten(make_run, tmp_path):
    for name in ("stays", "moves", "goes"):
        remember_run(make_run(name).path)
    (tmp_path / "moves").rename(tmp_path / "moved")
    shutil.rmtree(tmp_path / "goes")
    assert names() == ["stays"]
    remember_run(tmp_path / "moved")
    assert names() == ["moved", "stays"]
    assert json.loads(run_index().read_text()) == [str(tmp_path / name) for name in ("stays", "moved")]


def test_runs_on_a_disk_that_is_gone_are_found_when_it_comes_back(make_run, tmp_path):
    remember_run(make_run("mounted/runs/far").path)
    (tmp_path / "mounted").rename(tmp_path / "unmounted")
    remember_run(make_run("near").path)
    assert names() == ["near"]
    (tmp_path / "unmounted").rename(tmp_path / "mounted")
    assert names() == ["near", "far"]


def test_runs_that_are_remembered_at_the_same_moment_are_all_kept(make_run):
    runs = [make_run(f"run{number}") for number in range(8)]
    with ThreadPoolExecutor(len(runs)) as threads:
        list(threads.map(lambda run: remember_run(run.path), runs))
    assert sorted(names()) == [run.name for run in runs]


def test_where_nothing_can_be_kept_of_runs_another_place_is_proposed(make_run, tmp_path, monkeypatch):
    run = make_run("tune")
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIDESTEP_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(SidestepError, match="cannot be written") as caught:
        remember_run(run.path)
    assert "SIDESTEP_HOME" in caught.value.fix


@pytest.mark.parametrize("missing", ["settings", "created_at"])
def test_a_run_whose_settings_are_not_whole_hides_no_other_run(make_run, sidestep_home, missing):
    make_run(sidestep_home / "runs" / "good")
    bad = make_run(sidestep_home / "runs" / "bad")
    document = json.loads(bad.config_file.read_text())
    del document[missing]
    bad.config_file.write_text(json.dumps(document))
    assert names() == ["good"]
    with pytest.raises(SidestepError, match="not whole"):
        bad.settings()


def test_a_damaged_run_or_index_hides_no_other_run(make_run, sidestep_home):
    make_run(sidestep_home / "runs" / "good")
    make_run(sidestep_home / "runs" / "bad").config_file.write_text("{")
    (sidestep_home / "runs" / "stray.txt").write_text("")
    for index in ("{", "{}", "[3]"):
        run_index().write_text(index)
        assert names() == ["good"]


def test_a_run_is_found_by_path_and_by_name(make_run, tmp_path, sidestep_home, monkeypatch):
    run = make_run(sidestep_home / "runs" / "tune")
    assert find_run("tune") == run
    assert find_run(str(run.path)) == run
    monkeypatch.chdir(run.path.parent)
    assert find_run("./tune") == run
    monkeypatch.chdir("/")
    with pytest.raises(UsageError, match="no run 'jazz'"):
        find_run("jazz")
    remember_run(make_run("other/tune").path)
    with pytest.raises(UsageError, match="Several runs"):
        find_run("tune")


def test_the_condition_is_the_last_word_unless_the_engine_vanished(make_run):
    run = make_run()
    assert summarise(run).condition == "waiting"
    with EventWriter(run.events_file) as log:
        log.write(START)
        assert summarise(run).condition == "interrupted"
        with run.held():
            assert summarise(run).condition == "running"
        for word, condition in (
            (ev.RunStopped(reason="asked"), "stopped"),
            (ev.RunFailed(what="broken"), "failed"),
            (ev.RunCompleted(), "completed"),
        ):
            log.write(word)
            assert summarise(run).condition == condition


def test_a_run_that_is_asked_to_stop_says_so_before_its_step_is_done(make_run):
    run = make_run()
    with EventWriter(run.events_file) as log, run.held():
        log.write(START)
        assert summarise(run).doing == "running"
        send_command(run, "stop")
        assert (summarise(run).doing, summarise(run).condition) == ("stopping", "running")
        assert RunFollower(run).poll().doing == "stopping"
        (command,) = take_commands(run)
        log.write(ev.CommandApplied(command=command.name, step=3))
        assert summarise(run).doing == "stopping"
        log.write(ev.RunStopped(reason="asked to stop"))
    assert summarise(run).doing == "stopped"
    with EventWriter(run.events_file) as log, run.held():
        log.write(START)
        assert summarise(run).doing == "running"
