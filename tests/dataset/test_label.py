"""Filling what is missing from the sound, with an analyser that says what the test wants."""

from dataclasses import replace
from pathlib import Path

import pytest

from sidestep_tui.dataset import label, label_measures
from sidestep_tui.dataset.acestep_json import read_dataset_file
from sidestep_tui.dataset.analysis.result import NOTHING, Analysis, Guess
from sidestep_tui.dataset.audio import Waveform, write_audio
from sidestep_tui.dataset.edits import Edit, apply_edits
from sidestep_tui.dataset.findings import check_dataset
from sidestep_tui.dataset.label import Labels, label_dataset, missing_fields
from sidestep_tui.dataset.label_measures import MeasureCache
from sidestep_tui.dataset.scan import scan_folder
from sidestep_tui.dataset.session import load_dataset, open_session
from sidestep_tui.dataset.song import Belief, Dataset, Song, Source
from sidestep_tui.errors import UsageError
from tests.dataset.conftest import MakeSong, Scan, song, tone

HEARD = Analysis(Guess(140.2, 0.5, 70.1), Guess("F# minor", 0.91234, "A major"), Guess("3", 0.8, "4"))


def hears(waveform: Waveform, sample_rate: int) -> Analysis:
    """An analyser that always hears the same."""
    assert waveform.shape[0] == 2
    assert sample_rate == 48_000
    return HEARD


def must_not_hear(waveform: Waveform, sample_rate: int) -> Analysis:
    raise AssertionError("there was nothing to listen for")


def labelled(dataset: Dataset, labels: list[Labels]) -> Dataset:
    for one in labels:
        if one.edit is not None:
            dataset = apply_edits(dataset, [one.edit])
    return dataset


def only(dataset: Dataset) -> Song:
    (one,) = dataset.songs
    return one


def test_missing_fields_are_filled_with_their_source_confidence_and_second_guess(
    make_song: MakeSong, scan: Scan
) -> None:
    make_song()
    dataset = scan()
    after = only(labelled(dataset, list(label_dataset(dataset, analyser=hears, analyser_name="ears"))))
    assert (after.bpm, after.keyscale, after.timesignature) == (140, "F# minor", "3")
    assert {after.source(name) for name in label.HEARD_FIELDS} == {Source.GUESSED}
    assert after.beliefs["bpm"] == Belief("ears", 0.5, "70")
    assert after.beliefs["keyscale"] == Belief("ears", 0.912, "A major")


def test_what_is_there_is_never_touched(make_song: MakeSong, scan: Scan) -> None:
    make_song(**{".json": '{"bpm": 99, "timesignature": 4}'})
    dataset = scan()
    after = only(labelled(dataset, list(label_dataset(dataset, analyser=hears))))
    assert (after.bpm, after.timesignature, after.keyscale) == (99, "4", "F# minor")
    assert after.source("bpm") is Source.JSON
    assert set(after.beliefs) == {"keyscale"}


def test_song_with_nothing_missing_is_not_decoded(make_song: MakeSong, scan: Scan) -> None:
    make_song(**{".json": '{"bpm": 99, "timesignature": 4, "key": "Am"}'})
    assert [one.edit for one in label_dataset(scan(), analyser=must_not_hear)] == [None]


def test_labelling_twice_listens_once(make_song: MakeSong, scan: Scan) -> None:
    make_song()
    dataset = scan()
    dataset = labelled(dataset, list(label_dataset(dataset, analyser=hears)))
    assert [one.edit for one in label_dataset(dataset, analyser=must_not_hear)] == [None]


def test_what_cannot_be_told_stays_missing(make_song: MakeSong, scan: Scan) -> None:
    make_song()
    (labels,) = label_dataset(scan(), analyser=lambda *_: NOTHING)
    assert labels.edit is None


def test_only_the_asked_fields_and_songs_are_labelled(make_song: MakeSong, scan: Scan) -> None:
    make_song("a.wav")
    make_song("b.wav")
    (labels,) = label_dataset(scan(), ["keyscale"], hears, keys=["b.wav"])
    assert labels.edit is not None
    assert labels.edit.keys == ("b.wav",)
    assert labels.edit.changes == {"keyscale": "F# minor"}


def test_caption_cannot_be_labelled_offline(scan: Scan, make_song: MakeSong) -> None:
    make_song()
    with pytest.raises(UsageError, match="cannot be labelled offline"):
        label_dataset(scan(), ["caption"])


def test_language_comes_from_the_script_without_listening() -> None:
    dataset = Dataset(root=Path("/music"), songs=(song(lyrics="さくら さくら", bpm=90),))
    (labels,) = label_dataset(dataset, ["bpm", "language"], must_not_hear)
    assert labels.edit == Edit({"language": "ja"}, ("a.wav",), Source.GUESSED, {"language": Belief("script")})


def test_instrumental_misses_no_language() -> None:
    assert missing_fields(song(lyrics="la", is_instrumental=True, bpm=90), label.LABEL_FIELDS) == (
        "keyscale",
        "timesignature",
    )


def test_progress_counts_every_song(make_song: MakeSong, scan: Scan) -> None:
    make_song("a.wav")
    make_song("b.wav")
    seen: list[tuple[int, int]] = []
    list(label_dataset(scan(), analyser=hears, progress=lambda done, total: seen.append((done, total))))
    assert seen == [(0, 2), (1, 2), (2, 2)]


def test_song_that_broke_since_the_scan_is_named_and_the_rest_goes_on(
    make_song: MakeSong, scan: Scan, root: Path
) -> None:
    make_song("a.wav")
    make_song("b.wav")
    dataset = scan()
    (root / "a.wav").write_bytes(b"no longer audio")
    broken, good = label_dataset(dataset, analyser=hears)
    assert [finding.code for finding in broken.findings] == ["unreadable-audio"]
    assert good.edit is not None


def test_person_who_sets_the_field_ends_the_doubt(make_song: MakeSong, scan: Scan) -> None:
    make_song()
    dataset = scan()
    dataset = labelled(dataset, list(label_dataset(dataset, analyser=hears)))
    assert "unsure-bpm" in {finding.code for finding in check_dataset(dataset)}
    taken = apply_edits(dataset, [Edit({"bpm": only(dataset).beliefs["bpm"].second}, ("a.wav",))])
    assert only(taken).bpm == 70
    assert only(taken).source("bpm") is Source.EDITED
    assert "bpm" not in only(taken).beliefs
    assert "unsure-bpm" not in {finding.code for finding in check_dataset(taken)}


def test_lyrics_of_a_provider_are_flagged_until_somebody_sets_them(make_song: MakeSong, scan: Scan) -> None:
    make_song()
    edit = Edit({"lyrics": "la la"}, ("a.wav",), Source.PROVIDER, {"lyrics": Belief("scribe", 0.93)})
    flagged = apply_edits(scan(), [edit])
    (finding,) = (one for one in check_dataset(flagged) if one.code == "unreviewed-lyrics")
    assert "scribe, 93% sure" in finding.message
    accepted = apply_edits(flagged, [Edit({"lyrics": "la la"}, ("a.wav",))])
    assert "unreviewed-lyrics" not in {one.code for one in check_dataset(accepted)}


def test_guesses_survive_saving(make_song: MakeSong, root: Path) -> None:
    make_song()
    session = open_session(root)
    for labels in label_dataset(session.dataset, analyser=hears):
        if labels.edit is not None:
            session.apply(labels.edit)
    saved = session.save()
    assert saved.saved is not None
    again = only(read_dataset_file(saved.saved.path))
    assert again.beliefs == only(session.dataset).beliefs
    assert again.source("bpm") is Source.GUESSED


def test_guesses_survive_a_crash(make_song: MakeSong, root: Path) -> None:
    make_song()
    session = open_session(root)
    (labels,) = label_dataset(session.dataset, analyser=hears)
    assert labels.edit is not None
    session.apply(labels.edit)
    replayed = only(load_dataset(root))
    assert replayed == replace(only(session.dataset))


def test_damaged_beliefs_are_left_out(make_song: MakeSong, root: Path) -> None:
    make_song()
    session = open_session(root)
    (labels,) = label_dataset(session.dataset, analyser=hears)
    assert labels.edit is not None
    session.apply(labels.edit)
    saved = session.save()
    assert saved.saved is not None
    text = (
        saved.saved.path.read_text()
        .replace('"confidence": 0.5', '"confidence": 7')
        .replace('"by": "builtin"', '"by": 1', 1)
    )
    saved.saved.path.write_text(text)
    beliefs = only(read_dataset_file(saved.saved.path)).beliefs
    assert "bpm" not in beliefs
    assert set(beliefs) == {"keyscale", "timesignature"}


def test_measures_become_findings_and_are_remembered(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(root / "quiet.wav", tone(3.0) * 0.001, 8_000)
    dataset = scan_folder(root)
    cache = tmp_path / "cache"
    (first,) = label_dataset(dataset, (), must_not_hear, measures=MeasureCache(cache))
    assert {"quiet", "false-stereo"} <= {finding.code for finding in first.findings}
    monkeypatch.setattr(label, "read_audio", must_not_hear)
    (second,) = label_dataset(dataset, (), must_not_hear, measures=MeasureCache(cache))
    assert second.findings == first.findings
    (quiet,) = [finding for finding in check_dataset(dataset, MeasureCache(cache)) if finding.code == "quiet"]
    assert quiet in first.findings


def test_torn_line_of_the_measures_costs_only_itself(root: Path, tmp_path: Path) -> None:
    write_audio(root / "a.wav", tone(3.0), 8_000)
    dataset = scan_folder(root)
    list(label_dataset(dataset, (), must_not_hear, measures=MeasureCache(tmp_path)))
    (file,) = tmp_path.glob("measures-*.jsonl")
    file.write_text(file.read_text() + '{"file": ["x", 1')
    assert MeasureCache(tmp_path).known(only(dataset)) is not None
    assert label_measures.MeasureCache(tmp_path / "elsewhere").known(only(dataset)) is None
