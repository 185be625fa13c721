"""Songs on the page of a run: samples beside the data set's, and what lies beside a page that they would not fit in."""

from urllib.parse import unquote

import pytest

from sidestep_tui.dataset.audio import read_audio
from sidestep_tui.errors import SidestepError


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
