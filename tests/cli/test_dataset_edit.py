"""`sidestep dataset edit`: fields of chosen songs, fixes for findings, and where they are saved."""

import numpy as np
import pytest
import soundfile


def test_edit_sets_fields_of_chosen_songs_and_saves(sidestep, songs, tmp_path):
    saved = tmp_path / "set.json"
    result = sidestep("dataset", "edit", songs, "--set", "caption=slow", "--where", "bpm=none", "--output", saved)
    assert result.code == 0
    assert sidestep("dataset", "edit", saved, "--set", "bpm=90", "--song", "b.wav", "--json").json() == {
        "saved": str(saved),
        "songs": ["b.wav"],
    }
    assert sidestep("dataset", "edit", saved, "--set-data-set", "custom_tag=trg").out.startswith("the data set changed")
    songs_now = {song["key"]: song for song in sidestep("dataset", "scan", saved, "--json").json()["songs"]}
    assert (songs_now["b.wav"]["caption"], songs_now["b.wav"]["bpm"]) == ("slow", 90)
    assert songs_now["a.wav"]["caption"] == "warm [piano]"
    prompts = sidestep("dataset", "check", saved, "--prompts", "--json").json()["prompts"]
    assert "# Caption\ntrg, slow\n" in prompts[1]["text"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to set"),
        (("--set", "mood=calm"), "use one of caption, genre"),
        (("--set", "bpm"), "no assignment to a field"),
        (("--set", "bpm=fast"), "bpm cannot be set"),
        (("--set", "bpm=90", "--song", "bb.wav"), "did you mean b.wav?"),
        (("--set", "bpm=90", "--song", "a.wav", "--song", "z.wav"), "no such song"),
        (("--set", "bpm=90", "--where", "bpm=33"), "No song fits"),
        (("--set", "bpm=90", "--where", "bpm>"), "where:"),
        (("--set-data-set", "custom_tag"), "no assignment"),
    ],
)
def test_edits_that_cannot_be_done_are_wrong_usage(sidestep, songs, arguments, words):
    result = sidestep("dataset", "edit", songs, *arguments)
    assert result.code == 2
    assert words in result.err
    assert not (songs / "dataset.json").exists()


def test_an_edit_that_cannot_be_saved_leaves_no_trace(sidestep, songs, tmp_path):
    taken = tmp_path / "taken.json"
    taken.write_text("{}")
    result = sidestep("dataset", "edit", songs, "--set", "bpm=90", "--set-data-set", "name=x", "--output", taken)
    assert result.code == 1
    assert taken.read_text() == "{}"
    bpms = [song["bpm"] for song in sidestep("dataset", "scan", songs, "--json").json()["songs"]]
    assert bpms == [120, None]


def test_one_fix_mends_all_songs_that_have_the_finding(sidestep, songs):
    silence = np.zeros((3 * 48_000, 2))
    for name in ("a", "b"):
        sound, _ = soundfile.read(songs / f"{name}.wav")
        soundfile.write(songs / f"{name}.wav", np.concatenate([silence, sound, sound]), 48_000)
    dry = sidestep("dataset", "fix", songs, "--finding", "silent-ends", "--dry-run", "--json").json()
    assert dry["saved"] is None
    assert dry["set"]["b.wav"] == {"trim_start": pytest.approx(2.9, abs=0.02), "trim_end": pytest.approx(5.0, abs=0.01)}
    assert sidestep("dataset", "fix", songs, "--finding", "silent-ends", "--song", "b.wav").code == 0
    saved = sidestep("dataset", "scan", songs / "dataset.json", "--json").json()
    assert [song["trim_start"] for song in saved["songs"]] == [None, dry["set"]["b.wav"]["trim_start"]]
    prompts = sidestep("dataset", "check", songs / "dataset.json", "--prompts", "--json").json()["prompts"]
    assert ["- duration: 2 seconds" in one["text"] for one in prompts] == [False, True]


def test_a_fix_for_a_finding_that_nobody_has_names_those_that_are_there(sidestep, songs):
    result = sidestep("dataset", "fix", songs, "--finding", "loud")
    assert result.code == 2
    assert "missing-caption" in result.err
    assert not (songs / "dataset.json").exists()


def test_songs_in_a_folder_that_cannot_be_written_are_edited_as_the_error_says(sidestep, songs, tmp_path):
    """It said to save under another name, which could not be done either."""
    (songs / ".sidestep-edits.jsonl").mkdir()  # whoever runs the tests may write anywhere else
    file = tmp_path / "elsewhere.json"
    result = sidestep("dataset", "edit", songs, "--set", "bpm=90", "--output", file)
    assert result.code == 1
    assert "`sidestep dataset convert SONGS FILE.json`" in result.err
    assert sidestep("dataset", "convert", songs, file).code == 0
    assert sidestep("dataset", "edit", file, "--set", "bpm=90").code == 0
    assert [song["bpm"] for song in sidestep("dataset", "scan", file, "--json").json()["songs"]] == [90, 90]
