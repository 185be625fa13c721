"""The page of a recorded run: what it says, that nothing in it is obeyed, and that it asks nothing of any network."""

import re
import time
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.errors import SidestepError
from sidestep_tui.report.write import write_report
from sidestep_tui.runs.directory import RunDirectory
from tests.report.conftest import PROMPT

NOW = 1_760_090_000.0
HOSTILE = "<script>alert(1)</script> 🎸 \u202egnos\u202c \u05e9\u05d9\u05e8 \x1b[31m\"quoted\" & 'done'"
VOID = {"br", "img", "input", "meta"}


class Page(HTMLParser):
    """What a browser would see: balanced elements, addresses, and the visible text by section."""

    def __init__(self, markup):
        super().__init__(convert_charrefs=True)
        self.open, self.addresses, self.elements, self.text, self.section = [], [], [], {"": ""}, ""
        self.feed(markup)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.elements.append((tag, given))
        self.addresses += [given[name] for name in ("src", "href") if name in given]
        if tag == "section":
            self.section = given["id"]
            self.text[self.section] = ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text[self.section] += data + "\n"

    def all(self, tag, **wanted):
        return [given for name, given in self.elements if name == tag and wanted.items() <= given.items()]


def read(report):
    """The page of a report, parsed, with its `markup` and the `report`."""
    markup = report.page.read_text(encoding="utf-8")
    parsed = Page(markup)
    parsed.markup, parsed.report = markup, report
    return parsed


@pytest.fixture
def page(tmp_path):
    """`page(run)` writes the report of a run and reads it."""
    return lambda run, **options: read(write_report(run, tmp_path / "out" / "report.html", now=NOW, **options))


@pytest.fixture(scope="module")
def full(full_report):
    """The page of a run with everything a page can have but a sensitivity map."""
    return read(full_report)


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


def test_the_nearest_song_of_the_data_set_is_heard_beside_the_samples_and_is_not_compared_blindly(full):
    (near,) = (given for given in full.all("figure") if given.get("class") == "take near")
    assert not {"data-group", "data-label"} & near.keys()
    assert "song 0.flac\nnearest song, 1 s" in full.text["samples"]  # the very sound of the last sample


def test_samples_of_one_prompt_are_told_apart_in_the_table_of_likeness(page, training_run, generated, data_set):
    run = training_run()
    generated("a", 1, adapter=run.final)
    generated("b", 2, adapter=run.final, bpm=90)
    told = page(run).text["likeness"]
    assert "final (step 40)\n" in told
    assert "final (step 40), bpm 90\n" in told


def test_two_songs_of_the_same_weights_are_not_compared_blindly(page, training_run, generated):
    """Whichever were preferred would win and lose at once."""
    run = training_run()
    generated("a", 1, adapter=run.final)
    generated("again", 2, adapter=run.final)
    assert "comparison" not in page(run).text
    generated("base", 3)
    assert "comparison" in page(run).text


def test_samples_stand_in_the_order_of_steps_with_the_base_model_first(full):
    takes = [given for given in full.all("figure") if "data-label" in given]
    assert [take["data-label"] for take in takes] == ["base model", "step 8", "final (step 40) × 0.5"]
    assert len({take["data-group"] for take in takes}) == 1
    gains = [float(take["data-gain"]) for take in takes]
    assert max(gains) == 1.0
    assert all(0 < gain <= 1 for gain in gains)
    assert all(given["src"].startswith("data:audio/mpeg;base64,") for given in full.all("audio"))
    assert all(given["src"].startswith("data:image/png;base64,") for given in full.all("img"))


def test_a_sample_that_is_a_song_of_the_set_is_nearest_to_it(full):
    rows = full.text["likeness"].split("final (step 40) × 0.5\n")
    assert rows[1].startswith("song 0.flac\n0.00\n")
    assert "not a verdict" in rows[0]


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


@pytest.mark.parametrize(("name", "place"), [("a b<c>", "001-a-b-c.mp3"), ("雪 / ../夜", "001-雪-夜.mp3")])
def test_songs_too_large_for_the_page_lie_beside_it(page, training_run, generated, tmp_path, name, place):
    run = training_run()
    generated("a", 4, adapter=run.path / "final", output=tmp_path / f"{name.replace('/', '')}.wav")
    seen = page(run, embedded_bytes=1000)
    (audio,) = seen.all("audio")
    assert unquote(audio["src"]) == f"report-songs/{place}"
    assert audio["src"].isascii()
    assert read_audio(seen.report.page.parent / unquote(audio["src"])).shape[0] == 2
    assert page(run, embedded_bytes=1000).report.songs == seen.report.songs


def test_a_folder_of_somebody_else_is_not_replaced(page, training_run, generated, tmp_path):
    run = training_run()
    generated("final", 4, adapter=run.path / "final")
    album = tmp_path / "out" / "report-songs" / "my album.flac"
    album.parent.mkdir(parents=True)
    album.write_bytes(b"mine")
    with pytest.raises(SidestepError, match="holds other files"):
        page(run, embedded_bytes=0)
    assert album.read_bytes() == b"mine"


def test_songs_that_are_gone_are_counted(page, training_run, generated):
    run = training_run()
    generated("final", 4, adapter=run.path / "final").unlink()
    generated("early", 4, adapter=run.path / "checkpoints" / "step-00000008").write_bytes(b"no sound")
    seen = page(run)
    assert "2 of the songs are no longer on disk" in seen.text["samples"]
    assert "comparison" not in seen.text


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
