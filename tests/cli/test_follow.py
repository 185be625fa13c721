"""A run followed from the command line to its end: what is shown, how it is left, how Ctrl-C reaches it."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from sidestep_tui.config.places import runs_home
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.runs import events as ev
from sidestep_tui.runs.cards import Card
from sidestep_tui.runs.control import send_command
from sidestep_tui.runs.devices import note_devices
from sidestep_tui.runs.directory import RunDirectory, create_run
from sidestep_tui.runs.history import summarise

from .support import settings_of


@pytest.fixture
def make_run_at(inputs):
    """`with make_run_at("waltz")` has a training run of this name at work on the first card."""

    @contextmanager
    def make(name):
        tensors, _, model = inputs
        settings = {"model": {"checkpoint": model}, "data": {"tensors": tensors}}
        run = create_run(runs_home() / name, "train", TrainSettings.model_validate(settings))
        with run.held():
            note_devices(run)
            yield run

    return make


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def test_train_follows_the_run_to_its_end(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    result = sidestep("train", *inputs, "--output", tmp_path / "run", "--rank", 8, "--lr", "3e-4")
    assert (result.code, result.err) == (0, "")
    assert "completed, loss 0.25" in result.out
    assert "A [b]song[/b] is short. (\\x1b[31mred.wav)" in result.out
    settings = settings_of(tmp_path / "run")
    assert (settings["adapter"]["rank"], settings["optimizer"]["learning_rate"]) == (8, 3e-4)
    assert settings["data"]["tensors"] == inputs[0]


def test_a_flag_without_effect_is_told(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    given = ("--schedule.name", "cosine", "--schedule.power", 3, "--schedule.final_ratio", 0.5, "--rank", 8)
    result = sidestep("train", *inputs, "--output", tmp_path / "run", *given)
    told = "schedule.power has no effect: it counts only when schedule.name is polynomial."
    assert (result.code, result.err) == (0, f"warning: {told}\n")
    result = sidestep("train", *inputs, "--output", tmp_path / "again", *given, "--json")
    assert json.loads(result.err) == {"warning": told}


def test_train_under_json_gives_the_events_as_lines(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    lines = sidestep("train", *inputs, "--output", tmp_path / "run", "--json").json_lines()
    assert [line["type"] for line in lines] == [
        "Launched", "RunStarted", "Planned", *["StepCompleted"] * 3, "WarningRaised", "RunCompleted",
    ]  # fmt: skip
    assert lines[0]["run"] == str(tmp_path / "run")
    assert lines[4]["loss"] is None
    printed = (tmp_path / "run" / "engine.log").read_text("utf-8")
    assert "Loading: 50%" in printed, "what libraries print is kept for people, out of the way of what is read"
    assert "a library warns" in printed


def test_whoever_starts_a_run_on_a_card_in_use_is_told(
    sidestep, stub_engine, inputs, tmp_path, make_run_at, monkeypatch
):
    stub_engine("complete")
    monkeypatch.setattr("sidestep_tui.runs.cards.driver_cards", lambda: (Card("GPU-0", 1), Card("GPU-1", 1)))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with make_run_at("waltz"):
        result = sidestep("train", *inputs, "--output", tmp_path / "run")
        assert (result.code, result.err) == (0, "")
        assert "waltz works on the same card: the two share its memory and its time." in result.out
        lines = sidestep("train", *inputs, "--output", tmp_path / "other", "--json").json_lines()
        assert lines[0]["beside"] == [str(runs_home() / "waltz")]
        elsewhere = sidestep("train", *inputs, "--output", tmp_path / "elsewhere", "--device", "cuda:1")
        assert (elsewhere.code, "the same card" in elsewhere.out) == (0, False)


def test_a_failed_run_fails_the_command_with_the_words_of_the_run(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("fail")
    result = sidestep("train", *inputs, "--output", tmp_path / "run")
    assert result.code == 1
    assert "error: The loss is not a number.\n  where: step 3\n  fix:   lower --lr\n" in result.err


def test_an_engine_that_vanishes_is_a_failure_that_names_its_log(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("vanish")
    result = sidestep("train", *inputs, "--output", tmp_path / "run", "--json")
    assert result.code == 1
    error = json.loads(result.err)
    assert error["where"] == str(tmp_path / "run" / "engine.log")
    assert "sidestep resume" in error["fix"]
    assert error["fix"].endswith("continues after the newest checkpoint")


def test_a_job_that_keeps_nothing_is_not_promised_to_continue(sidestep, stub_engine, inputs):
    stub_engine("vanish")
    fix = json.loads(sidestep("preflight", *inputs, "--json").err)["fix"]
    assert fix.endswith("begins anew")


def test_an_engine_whose_last_word_found_no_space_is_explained(sidestep, stub_engine, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=0))
    stub_engine("vanish")
    result = sidestep("train", *inputs, "--output", tmp_path / "run")
    assert result.code == 1
    assert "no space is left on the device" in result.err
    assert "free some space" in result.err


def test_an_engine_that_does_not_start_is_quoted(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("refuse")
    result = sidestep("train", *inputs, "--output", tmp_path / "run")
    assert result.code == 1
    assert "did not start: No module named torch" in result.err


def test_detach_returns_while_the_engine_works_and_resume_continues(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("wait")
    run = RunDirectory(tmp_path / "run")
    launched = sidestep("train", *inputs, "--output", run.path, "--detach", "--json").json()
    assert launched["type"] == "Launched"
    assert run.alive()
    taken = sidestep("train", *inputs, "--output", run.path)
    assert (taken.code, "already working" in taken.err, "sidestep runs attach" in taken.err) == (1, True, True)
    assert sidestep("runs", "stop", "run").code == 0
    until(lambda: not run.alive())
    assert summarise(run).condition == "stopped"

    stub_engine("complete")
    resumed = sidestep("resume", "run")
    assert resumed.code == 0
    assert "continued after step 3" in resumed.out
    assert sidestep("resume", "run").code == 2


def test_a_run_that_did_its_work_is_told_how_it_trains_longer(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    assert sidestep("train", *inputs, "--output", tmp_path / "run").code == 0
    refused = sidestep("resume", "run")
    command = re.search(r"`sidestep (resume [^`]*)` trains longer", " ".join(refused.err.split()))
    assert refused.code == 2
    assert command is not None, refused.err
    assert sidestep(*shlex.split(command[1])).code == 0


def test_a_stop_by_someone_else_is_no_failure(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("wait")
    run = RunDirectory(tmp_path / "run")
    sidestep("train", *inputs, "--output", run.path, "--detach")
    send_command(run, "stop")
    watched = sidestep("watch", run.path)
    assert watched.code == 0
    assert "stopped after step 3: asked to stop" in watched.out


def start(tmp_path, inputs, ignored=None, flags=("--json",)):
    program = (
        "import sys\n"
        "from sidestep_tui.runs import launch\n"
        "launch.ENGINE_MODULE = 'stub_engine'\n"
        "from sidestep_tui.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", program, "train", *inputs, "--output", str(tmp_path / "run"), *flags]
    ignore = ignored and (lambda: signal.signal(ignored, signal.SIG_IGN))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=ignore)
    run = RunDirectory(tmp_path / "run")
    until(lambda: run.exists() and summarise(run).state.step == 3)
    return process, run


def test_ctrl_c_saves_and_stops(stub_engine, inputs, tmp_path):
    stub_engine("wait")
    process, run = start(tmp_path, inputs)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")
    assert json.loads(out.splitlines()[-1])["type"] == "RunStopped"
    assert not run.alive()


def test_a_stop_while_blocks_compile_says_what_it_waits_for(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("compile")
    process, run = start(tmp_path, inputs, flags=())
    for line in process.stdout:
        if ev.COMPILING in line:
            break
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert "Stopping after the step that compiles the blocks, in a minute or so, with everything saved." in out
    sidestep("train", *inputs, "--output", tmp_path / "other", "--detach")
    until(lambda: summarise(RunDirectory(tmp_path / "other")).state.is_compiling)
    assert "It compiles its blocks: that comes first" in sidestep("runs", "stop", tmp_path / "other").out
    until(lambda: not run.alive())


def test_sigterm_leaves_the_run_going(stub_engine, inputs, tmp_path):
    stub_engine("wait")
    process, run = start(tmp_path, inputs)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert run.alive()
    assert not list(run.commands.glob("*-stop.json"))
    send_command(run, "stop")
    until(lambda: not run.alive())


def test_a_second_ctrl_c_does_not_wait_for_the_stop(stub_engine, inputs, tmp_path):
    stub_engine("wait")
    process, run = start(tmp_path, inputs)
    engine = summarise(run).run
    os.kill(pid_of(engine), signal.SIGSTOP)  # an engine in the middle of a long step
    try:
        process.send_signal(signal.SIGINT)
        until(lambda: any(run.commands.glob("*-stop.json")))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 130
        assert run.alive()
    finally:
        os.kill(pid_of(engine), signal.SIGCONT)
    until(lambda: not run.alive())


def test_a_job_in_the_background_of_a_script_ignores_ctrl_c(stub_engine, inputs, tmp_path):
    stub_engine("wait")
    process, run = start(tmp_path, inputs, ignored=signal.SIGINT)
    process.send_signal(signal.SIGINT)
    send_command(run, "stop")
    process.communicate(timeout=30)
    assert process.returncode == 0  # 130 is for whoever pressed it here


def pid_of(run):
    return json.loads(run.events_file.read_text().splitlines()[0])["pid"]
