"""The page of a recorded run: what it says, that nothing in it is obeyed, and that it asks nothing of any network."""

import re
import time

from sidestep_tui.runs.directory import RunDirectory
from tests.report.conftest import PROMPT

HOSTILE = "<script>alert(1)</script> 🎸 \u202egnos\u202c \u05e9\u05d9\u05e8 \x1b[31m\"quoted\" & 'done'"


def test_the_head_says_what_ran_where_and_how_it_ended(full):
    head = full.text[""]
    for said in ("tune", "train", "completed", "acestep-v15-turbo", "Evening songs", "20 songs, 2 held out", "gpu-box"):
        assert said in head
    for figure in (
        "40 of 40 steps, epoch 2, 1 skipped",
        "44\u202f040\u202f192 parameters",
        "7 GiB",
        "0.6140 after step 28",
    ):
        assert figure in head


def test_settings_that_differ_stand_apart_from_all_settings(full):
    different, everything = full.text["settings"].split("All ")
    for path, value in (
        ("adapter.rank", "32"),
        ("data.crop_seconds", "60 seconds"),
        ("optimizer.learning_rate", "0.0002"),
    ):
        assert f"{path}\n{value}\n" in different
    assert "training.seed" not in different
    assert "training.seed" in everything
    assert any(given.get("title", "").startswith("Directions that each module") for given in full.all("code"))


def test_a_setting_whose_default_is_empty_is_not_called_required(page, generated, tmp_path):
    generated("a", 1)
    told = page(RunDirectory(tmp_path / "generate" / "a")).text["settings"].split("All ")[0]
    assert f"prompt\n{PROMPT}\n" in told
    assert f"prompt\n{PROMPT}\nrequired" not in told
    assert f"output\n{tmp_path / 'a.wav'}\nrequired" in told


def test_curves_come_even_and_logarithmic_and_skip_what_is_not_a_number(full):
    looks = [given["class"] for given in full.all("path") if given.get("class", "").startswith("line ")]
    assert {"line raw", "line first", "line second", "line third dashed"} <= set(looks)
    assert len(full.all("input", type="radio", name="loss-scale")) == 2
    assert all(re.fullmatch(r"[MLHZh\d ]+", given["d"]) for given in full.all("path"))


def test_validation_has_bands_and_songs(full):
    said = full.text["validation"]
    for figure in (
        "first (step 0)",
        "best (step 28)",
        "last (step 40)",
        "0.8140",
        "0.4140",
        "a.mp3",
        "b.flac",
        "0.6040",
    ):
        assert figure in said


def test_what_was_saved_and_what_went_wrong_is_told(full):
    assert "checkpoints/step-00000012\n12\n0.7340\nremoved" in full.text["checkpoints"]
    assert "final\n40\n0.6500\nyes" in full.text["checkpoints"]
    assert "The device's memory is full (a.mp3) Fix: a smaller crop" in full.text["events"]
    assert "set optimizer.learning_rate = 5e-05 after step 20" in full.text["events"]
    assert "0.5125" in full.text["results"]


def test_names_are_shown_and_never_obeyed(page, training_run, generated):
    run = training_run(song=HOSTILE)
    generated("made", 3, adapter=run.path / "final", prompt=HOSTILE, lyrics=HOSTILE)
    seen = page(run)
    assert len(seen.all("script")) == 1
    for section in ("validation", "events", "samples"):
        assert "<script>alert(1)</script> 🎸 \\u202egnos\\u202c \u05e9\u05d9\u05e8" in seen.text[section]
    assert not set("\u202e\x1b") & set(seen.markup)
    assert all(not name.startswith("on") for _, given in seen.elements for name in given)


def test_nothing_on_the_page_comes_from_elsewhere(full):
    assert re.findall(r"(?i)\b(?:https?|wss?|ftp):", full.markup) == []
    assert re.findall(r"url\(|@import|fetch\(|XMLHttp|sendBeacon", full.markup) == []
    assert all(address.startswith(("data:", "#")) for address in full.addresses)
    policy = full.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy.startswith("default-src 'none';")


def test_the_same_run_gives_the_same_page(page, training_run, generated, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    run = training_run()
    generated("final", 4, adapter=run.path / "final")
    assert page(run).markup == page(run).markup


def test_a_hundred_thousand_steps_make_a_page_of_bounded_size(page, training_run):
    small, large = page(training_run(2_000)), page(training_run(100_000, name="long"))
    assert len(large.markup) < 1.2 * len(small.markup)
    assert len(large.markup) < 400_000


def test_a_run_that_has_only_begun_has_a_page(page, training_run):
    run = training_run()
    lines = run.events_file.read_bytes().splitlines(keepends=True)
    for kept in (0, 1, 2):
        run.events_file.write_bytes(b"".join(lines[:kept]))
        assert set(page(run).text) == {"", "settings"}


def test_settings_of_another_version_cost_only_their_own_table(page, training_run):
    run = training_run()
    run.config_file.write_text(run.config_file.read_text().replace('"crop_seconds"', '"crop_minutes"'))
    seen = page(run)
    assert "of another version" in seen.text["settings"]
    assert "best (step 28)" in seen.text["validation"]
