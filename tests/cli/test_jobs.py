"""From a command line to a run: settings in layers, flags, and the run directory."""

import json
import time
from pathlib import Path

import pytest

from sidestep_tui.config.fields import look_up, setting_fields
from sidestep_tui.config.jobs import JOBS
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.history import list_runs

from .support import settings_of


def test_prepare_makes_the_run_and_starts_nothing(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    result = sidestep("train", *inputs, "--output", tmp_path / "run", "--prepare", "--json")
    assert result.json() == {"run": str(tmp_path / "run")}
    run = RunDirectory(tmp_path / "run")
    assert run.exists()
    assert not run.events_file.exists()
    assert run in [summary.run for summary in list_runs()]


def test_commands_that_are_told_can_be_copied_where_a_path_has_spaces(sidestep, inputs, tmp_path):
    run = tmp_path / "my runs [2]" / "long night"
    prepared = sidestep("train", *inputs, "--output", run, "--prepare")
    assert f"`sidestep resume '{run}'` starts it" in " ".join(prepared.out.split())
    refused = sidestep("runs", "stop", run)
    assert f"`sidestep resume '{run}'` continues it" in " ".join(refused.err.split())


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
        (
            ("--adapter.family", "oft", "--rank", "4"),
            "adapter.rank: is a setting of lora, dora, lokr, loha, not of oft",
        ),
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


def test_other_jobs_make_a_run_among_the_runs(sidestep, stub_engine, inputs, adapter, songs, tmp_path, sidestep_home):
    stub_engine("complete")
    tensors, *model = inputs
    jobs = {
        "preprocess": ("preprocess", songs, *model, "--output", tmp_path / "t"),
        "estimate": ("estimate", tensors, *model, "--output", tmp_path / "e.json"),
        "generate": ("generate", *model, "--prompt", "warm [piano]", "--output", tmp_path / "song.wav"),
        "export": ("export", adapter, "--format", "comfyui", "--output", tmp_path / "x"),
    }
    for arguments in jobs.values():
        result = sidestep(*arguments)
        assert (result.code, result.err) == (0, "")
    assert {summary.job for summary in list_runs()} == set(jobs)
    assert {summary.run.path.parent for summary in list_runs()} == {sidestep_home / "runs"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--output", "song.xyz"), "No audio format is called '.xyz'."),
        (("--output", "song"), "The output names no audio format."),
        (("--output", "folder.wav"), "The output is a folder."),
        (("--output", "file.txt/song.wav"), "The file cannot be written: Not a directory."),
        (("--output", f"{'a' * 300}.wav"), "The file cannot be written: File name too long."),
        (("--output", "song.wav", "--keyscale", "H-Moll"), '"H-Moll" is no key in major or minor.'),
        (("--output", "song.wav", "--language", "klingon"), '"klingon" is no language that the model knows.'),
        (("--output", "file.txt", "--prompts", "file.txt"), "The songs' folder is a file."),
        (("--output", "songs", "--prompts", "bad.jsonl"), "The line is no JSON"),
        (("--output", "songs", "--prompts", "empty.txt"), "The file holds no prompts."),
        (("--output", "song.wav", "--task", "cover", "--source", "song.wav", "--overwrite"), "take the place of its"),
    ],
)
def test_a_song_that_cannot_be_made_is_told_before_an_engine_starts(
    sidestep, stub_engine, inputs, tmp_path, monkeypatch, arguments, words
):
    stub_engine("complete")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "file.txt").write_text("slow piano")
    (tmp_path / "bad.jsonl").write_text("slow piano")
    (tmp_path / "empty.txt").touch()
    if "--source" in arguments:
        (tmp_path / "song.wav").touch()
    result = sidestep("generate", *inputs[1:], "--prompt", "p", *arguments)
    assert (result.code in (1, 2), words in result.err) == (True, True), result.err
    assert list_runs() == []


def test_songs_that_are_there_are_replaced_only_when_that_is_said(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    (tmp_path / "older.wav").touch()
    (tmp_path / "songs").mkdir()
    (tmp_path / "songs" / "02-fast-drums.wav").touch()
    (tmp_path / "songs.txt").write_text("slow piano\nfast drums\n")
    for output in (
        ("--output", tmp_path / "older.wav"),
        ("--output", tmp_path / "songs", "--prompts", tmp_path / "songs.txt"),
    ):
        refused = sidestep("generate", *inputs[1:], "--prompt", "p", *output)
        assert (refused.code, "The file exists already." in refused.err) == (2, True)
        assert list_runs() == []
    assert sidestep("generate", *inputs[1:], "--prompt", "p", *output, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("verb", "output", "words"),
    [
        ("preprocess", "file", "The output is a file."),
        ("import", "file", "The output is a file."),
        ("estimate", "folder", "The output is a folder."),
        ("verify", "folder", "The output is a folder."),
        ("export", "folder", "The folder exists already."),
    ],
)
def test_a_result_of_the_wrong_kind_is_told_before_an_engine_starts(
    sidestep, stub_engine, inputs, tmp_path, verb, output, words
):
    stub_engine("complete")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    tensors, *model = inputs
    given = ("--source", tensors) if verb == "import" else (tensors,)
    result = sidestep(verb, *given, *(() if verb == "export" else model), "--output", tmp_path / output)
    assert (result.code, words in result.err) == (2, True), result.err
    assert list_runs() == []


def test_a_merged_export_without_its_model_is_told_before_an_engine_starts(sidestep, stub_engine, adapter):
    stub_engine("complete")
    result = sidestep("export", adapter, "--format", "merged")
    assert (result.code, "--checkpoint" in result.err) == (2, True)
    assert list_runs() == []


def test_the_folder_of_many_songs_needs_no_ending(sidestep, stub_engine, inputs, tmp_path):
    stub_engine("complete")
    (tmp_path / "songs.txt").write_text("slow piano")
    result = sidestep("generate", *inputs[1:], "--prompts", tmp_path / "songs.txt", "--output", tmp_path / "songs")
    assert (result.code, result.err) == (0, "")


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


def test_a_run_named_after_a_long_file_has_a_name_that_file_systems_take(sidestep, stub_engine, inputs, tmp_path):
    """A character of Chinese is three bytes of the 255 that a name may have."""
    stub_engine("complete")
    song = tmp_path / f"{'夜' * 80}.wav"
    assert sidestep("generate", *inputs[1:], "--prompt", "p", "--output", song, "--detach").code == 0
    (summary,) = list_runs()
    assert summary.run.name.startswith(f"generate-{'夜' * 40}")
