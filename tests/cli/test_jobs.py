"""From a command line to a run: settings in layers, the run directory, and the run followed to its end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sidestep_tui.config.fields import look_up, setting_fields
from sidestep_tui.config.jobs import JOBS
from sidestep_tui.runs.control import send_command
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import list_runs, summarise


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def settings_of(path):
    return json.loads((path / "config.json").read_text())["settings"]


def test_train_follows_the_run_to_its_end(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    result = sidestep("train", *inputs, "--output", tmp_path / "run", "--rank", 8, "--lr", "3e-4")
    assert (result.code, result.err) == (0, "")
    assert "completed, loss 0.25" in result.out
    assert "A [b]song[/b] is short. (\\x1b[31mred.wav)" in result.out
    settings = settings_of(tmp_path / "run")
    assert (settings["adapter"]["rank"], settings["optimizer"]["learning_rate"]) == (8, 3e-4)
    assert settings["data"]["tensors"] == inputs[0]


def test_train_under_json_gives_the_events_as_lines(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    lines = sidestep("train", *inputs, "--output", tmp_path / "run", "--json").json_lines()
    assert [line["type"] for line in lines] == [
        "Launched", "RunStarted", "Planned", *["StepCompleted"] * 3, "WarningRaised", "RunCompleted",
    ]  # fmt: skip
    assert lines[0]["run"] == str(tmp_path / "run")
    assert lines[4]["loss"] is None


def test_prepare_makes_the_run_and_starts_nothing(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    result = sidestep("train", *inputs, "--output", tmp_path / "run", "--prepare", "--json")
    assert result.json() == {"run": str(tmp_path / "run")}
    run = RunDirectory(tmp_path / "run")
    assert run.exists()
    assert not run.events_file.exists()
    assert run in [summary.run for summary in list_runs()]


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
    assert (taken.code, "sidestep resume" in taken.err) == (2, True)
    assert sidestep("runs", "stop", "run").code == 0
    until(lambda: not run.alive())
    assert summarise(run).condition == "stopped"

    stub_engine("complete")
    resumed = sidestep("resume", "run")
    assert resumed.code == 0
    assert "continued after step 3" in resumed.out
    assert sidestep("resume", "run").code == 2


def test_a_stop_by_someone_else_is_no_failure(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("wait")
    run = RunDirectory(tmp_path / "run")
    sidestep("train", *inputs, "--output", run.path, "--detach")
    send_command(run, "stop")
    watched = sidestep("watch", run.path)
    assert watched.code == 0
    assert "stopped after step 3: asked to stop" in watched.out


def start(tmp_path, inputs):
    program = (
        "import sys\n"
        "from sidestep_tui.runs import launch\n"
        "launch.ENGINE_MODULE = 'stub_engine'\n"
        "from sidestep_tui.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", program, "train", *inputs, "--output", str(tmp_path / "run"), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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


def test_a_second_ctrl_c_leaves_the_run_going(stub_engine, inputs, tmp_path):
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


def pid_of(run):
    return json.loads(run.events_file.read_text().splitlines()[0])["pid"]


def test_layers_win_in_order(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    sidestep("preset", "save", "mine", "--rank", 4, "--lr", "1e-3", "--epochs", 7)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"optimizer": {"learning_rate": 2e-3}, "training": {"seed": 5}}))
    arguments = ("--preset", "mine", "--config", config, "--seed", 6, "--output", tmp_path / "run")
    assert sidestep("train", *inputs, *arguments).code == 0
    settings = settings_of(tmp_path / "run")
    paths = ("adapter.rank", "optimizer.learning_rate", "training.epochs", "training.seed", "training.batch_size")
    assert [look_up(settings, path) for path in paths] == [4, 2e-3, 7, 6, 1]


def test_the_config_of_a_run_starts_another_one(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    sidestep("train", *inputs, "--output", tmp_path / "first", "--rank", 4)
    again = sidestep("train", "--config", tmp_path / "first" / "config.json", "--output", tmp_path / "second")
    assert again.code == 0
    assert settings_of(tmp_path / "second") == settings_of(tmp_path / "first")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rank", "0"), "adapter.rank: must be at least 1, not 0"),
        (("--lr", "fast"), "optimizer.learning_rate: must be a number, not 'fast'"),
        (("--preset", "nobody"), "There is no preset 'nobody'"),
        (("--config", "missing.json"), "The config file cannot be read"),
        (("--data.tensors", "missing"), "data.tensors: missing"),
        (("--adapter.family", "oft", "--rank", "4"), "adapter.rank: is not a setting (here)"),
    ],
)
def test_settings_that_cannot_be_used_are_told_before_anything_is_made(sidestep, inputs, tmp_path, arguments, words):
    result = sidestep("train", *inputs, "--output", tmp_path / "run", *arguments)
    assert result.code == 2
    assert words in result.err
    assert not (tmp_path / "run").exists()


def test_a_run_needs_a_place(sidestep, inputs):
    result = sidestep("train", *inputs)
    assert (result.code, "--output" in result.err) == (2, True)


def test_other_jobs_make_a_run_among_the_runs(sidestep, stub_engine, inputs, tmp_path, sidestep_home):
    stub_engine("complete")
    tensors, *model = inputs
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    jobs = {
        "preprocess": ("preprocess", tensors, *model, "--output", tmp_path / "t"),
        "estimate": ("estimate", tensors, *model, "--output", tmp_path / "e.json"),
        "generate": ("generate", *model, "--prompt", "warm [piano]", "--output", tmp_path / "song.wav"),
        "export": ("export", adapter, "--format", "comfyui", "--output", tmp_path / "x"),
    }
    for arguments in jobs.values():
        result = sidestep(*arguments)
        assert (result.code, result.err) == (0, "")
    assert {summary.job for summary in list_runs()} == set(jobs)
    assert {summary.run.path.parent for summary in list_runs()} == {sidestep_home / "runs"}


def test_two_songs_in_one_second_are_two_runs(sidestep, stub_engine, inputs, tmp_path, monkeypatch):
    stub_engine("complete")
    monkeypatch.setattr(time, "strftime", lambda *_: "20260101-120000")
    for _ in range(2):
        assert sidestep("generate", *inputs[1:], "--prompt", "p", "--output", tmp_path / "a.wav", "--detach").code == 0
    assert sorted(s.run.name for s in list_runs()) == [
        "generate-a-20260101-120000",
        "generate-a-20260101-120000-2",
    ]


def test_paths_of_a_shell_mean_the_same_to_the_engine(sidestep, stub_engine, inputs, tmp_path, monkeypatch):
    stub_engine("complete")
    monkeypatch.chdir(tmp_path)
    assert sidestep("train", "tensors", "--model", "model", "--output", "run").code == 0
    assert settings_of(tmp_path / "run")["data"]["tensors"] == str(tmp_path / "tensors")


@pytest.mark.parametrize("job", JOBS)
def test_every_setting_is_a_flag(sidestep, job):
    text = sidestep(job, "--help").out
    flags = {word.rstrip(",") for word in text.split() if word.startswith("--")}
    for field in setting_fields(JOBS[job]):
        assert f"--{field.path}" in flags
        assert field.short is None or f"--{field.short}" in flags


def test_a_relative_run_path_is_made_absolute(sidestep, stub_engine, inputs, tmp_path, monkeypatch):
    stub_engine("complete")
    monkeypatch.chdir(tmp_path)
    launched = sidestep("train", *inputs, "--output", "run", "--json").json_lines()[0]
    assert Path(launched["run"]) == tmp_path / "run"


def test_a_preflight_needs_no_place_and_takes_presets(sidestep, stub_engine, inputs):
    stub_engine("complete")
    assert sidestep("preflight", *inputs, "--preset", "recommended", "--detach").code == 0
    [run] = [summary.run for summary in list_runs()]
    assert run.name.startswith("preflight-")
    assert settings_of(run.path)["preflight"]["policies"] == "chosen"
