"""What a job is to read is looked at before a run is made of it."""

import json

import pytest

from sidestep_tui.runs.history import list_runs


def test_every_path_that_is_not_there_is_named_with_its_setting_at_once(sidestep, tmp_path):
    config = tmp_path / "config.json"
    paths = {"model": {"checkpoint": "/elsewhere/model"}, "data": {"tensors": "/elsewhere/tensors"}}
    config.write_text(json.dumps({**paths, "adapter": {"family": "lora", "targets_from": "/elsewhere/ranks.json"}}))
    result = sidestep("train", "--config", config, "--output", tmp_path / "run")
    assert result.code == 2
    for path in ("model.checkpoint: /elsewhere/model", "data.tensors: /elsewhere/tensors", "adapter.targets_from: "):
        assert path in result.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "SONGS", "--model", "MODEL", "--output", "run"), "This folder has no preprocessed songs."),
        (("preflight", "SONGS", "--model", "MODEL"), "This folder has no preprocessed songs."),
        (("estimate", "TENSORS", "--model", "SONGS", "--output", "e.json"), "The folder holds no ACE-Step 1.5 model."),
        (("preprocess", "TENSORS", "--model", "MODEL", "--output", "t"), "The folder holds no audio files."),
        (("export", "SONGS"), "This is no adapter."),
        (("verify", "SONGS", "--model", "MODEL"), "This is no adapter."),
        (("generate", "--model", "MODEL", "--adapter", "SONGS", "--prompt", "x", "--output", "a.wav"), "no adapter."),
        (("train", "TENSORS", "--model", "MODEL", "--adapter.start_from", "SONGS", "--output", "run"), "no adapter."),
    ],
)
def test_a_folder_of_another_kind_is_told_before_anything_is_made(
    sidestep, stub_engine, inputs, songs, tmp_path, monkeypatch, arguments, words
):
    stub_engine("complete")
    monkeypatch.chdir(tmp_path)
    places = {"SONGS": songs, "TENSORS": inputs[0], "MODEL": inputs[-1]}
    result = sidestep(*(places.get(word, word) for word in arguments))
    assert (result.code, words in result.err) == (1, True), result.err
    assert list_runs() == []
    assert not (tmp_path / "run").exists()


def test_what_a_prepared_run_reads_may_still_be_made_by_another(sidestep, inputs, songs, tmp_path):
    assert sidestep("train", songs, *inputs[1:], "--output", tmp_path / "run", "--prepare").code == 0
