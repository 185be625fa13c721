"""Crops: their prompts hold their own duration and what is sung in them, from preprocessing to the training step."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sidestep_tui.acestep.model_config import LATENT_RATE
from sidestep_tui.config.fields import put
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.dataset.prompts import SongFields
from sidestep_tui.dataset.song import LyricTime
from sidestep_tui.dataset.wordings import Wording
from sidestep_tui.engine.data.batches import Drawing, crop_window, draw_sample
from sidestep_tui.engine.data.conditions import CONDITION, ConditionEntry, start_at
from sidestep_tui.engine.data.manifest import Manifest, read_manifest
from sidestep_tui.engine.data.store import SongStore
from sidestep_tui.engine.data.tensors import read_shared
from sidestep_tui.engine.preprocess.descriptions import CropGrid, Description, describe
from tests.engine.preprocess.conftest import write_song

FIELDS = SongFields(caption="folk", duration=0, lyrics="[Verse]\none\ntwo\nthree")
TIMES = (LyricTime(2.0, "one"), LyricTime(10.0, "two"), LyricTime(30.0, "three"), LyricTime(34.0, ""))


def crops_of(fields: SongFields, times: tuple[LyricTime, ...], step: float = 0.04) -> list[Description]:
    grid = CropGrid(10 * LATENT_RATE, round(step * LATENT_RATE))
    whole, *crops = describe(fields, (Wording("caption", "folk"),), times, 40.0, 40 * LATENT_RATE, grid)
    assert (whole.tensor, whole.fields.lyrics, whole.fields.duration) == (CONDITION, fields.lyrics, 40.0)
    return crops


def test_every_start_has_exactly_the_lyrics_of_its_crop() -> None:
    """The middles of the lines lie at 6, 14 and 32 s; a crop of 10 s holds those from its start up to its end."""
    crops = crops_of(FIELDS, TIMES)
    assert all(crop.fields.duration == 10.0 for crop in crops)
    found = {
        start: crop.fields.lyrics for crop in crops for first, last in crop.starts for start in range(first, last + 1)
    }
    assert sorted(found) == list(range(30 * LATENT_RATE + 1))
    for start, lyrics in found.items():
        middles = {"one": 6 * 25, "two": 14 * 25, "three": 32 * 25}
        inside = [word for word, middle in middles.items() if start <= middle < start + 250]
        assert lyrics == ("\n".join(("[Verse]", *inside)) if inside else "")
    assert len(crops) == len({crop.fields.lyrics for crop in crops}) == 5  # the pause is said once


def test_a_coarser_grid_encodes_fewer_crops() -> None:
    coarse = crops_of(FIELDS, TIMES, step=30)
    assert [crop.fields.lyrics for crop in coarse] == ["[Verse]\none", "[Verse]\nthree"]
    fine = {crop.fields.lyrics: crop.starts for crop in crops_of(FIELDS, TIMES)}
    assert all(set(crop.starts) <= set(fine[crop.fields.lyrics]) for crop in coarse)


def test_lyrics_without_times_stay_whole_and_may_begin_anywhere() -> None:
    (crop,) = crops_of(FIELDS, ())
    assert (crop.fields.lyrics, crop.fields.duration, crop.starts, crop.untimed) == (
        FIELDS.lyrics, 10.0, ((0, 750),), True,
    )  # fmt: skip


def test_a_song_that_is_no_longer_than_a_crop_is_described_once() -> None:
    assert len(describe(FIELDS, (Wording("caption", "folk"),), TIMES, 10.0, 250, CropGrid(250, 25))) == 1


def test_all_starts_are_equally_near() -> None:
    starts = ((3, 5), (10, 10), (20, 25))
    counted = Counter(start_at(starts, share / 1000) for share in range(1000))
    assert sorted(counted) == [3, 4, 5, 10, 20, 21, 22, 23, 24, 25]
    assert set(counted.values()) == {100}


@pytest.fixture
def crop_tensors(
    engine: Any,
    reference_checkpoint: Callable[[str], Path],
    document: dict[str, Any],
    folder: Path,
    tmp_path: Path,
    encoded: list[int],
) -> tuple[Path, dict[str, Any]]:
    """Three songs, the first of nine seconds with timed lyrics, encoded for crops of two seconds."""
    write_song(folder / "song 0.wav", 220, seconds=9)
    write_song(folder / "song 1.flac", 330, seconds=3)
    (folder / "song 0.json").write_text(json.dumps({"language": "en"}), "utf-8")
    (folder / "song 0.lrc").write_text("[Verse]\n[00:00.50]snow\n[00:02.50]river\n[00:04.50]\n[00:06]ice", "utf-8")
    document["model"]["checkpoint"] = str(reference_checkpoint("acestep-v15-turbo"))
    document |= {"output": str(tmp_path / "cropped"), "crop_seconds": 2.0, "crop_grid_seconds": 0.04}
    engine.run("encode", "preprocess", document)
    return Path(document["output"]), document


def test_the_condition_of_a_crop_is_that_of_inference(crop_tensors: tuple[Path, dict[str, Any]]) -> None:
    from sidestep_tui.acestep import open_checkpoint
    from sidestep_tui.engine.training.prompt_conditions import encode_conditions

    output, settings = crop_tensors
    checkpoint = open_checkpoint(Path(settings["model"]["checkpoint"]))
    entry = read_manifest(output).songs[0]
    song = SongStore(output, [entry], 32).get(entry)
    assert {told.lyrics.split("# Lyric\n")[1] for told in entry.further} == {
        f"{lyrics}<|endoftext|>" for lyrics in ("[Verse]\nsnow", "[Verse]\nriver", "[Verse]\nice", "[Instrumental]")
    }
    fields = []
    for told in entry.further:
        assert "- duration: 2 seconds\n" in told.prompt
        words = told.lyrics.removeprefix("# Languages\nen\n\n# Lyric\n").removesuffix("<|endoftext|>")
        fields.append(SongFields(caption="caption 0", duration=2.0, lyrics=words, language="en"))
    for told, wanted in zip(
        entry.further, encode_conditions(checkpoint, fields, torch.device("cpu"), torch.float32), strict=True
    ):
        torch.testing.assert_close(song.condition(told.tensor), wanted)
        assert told.tokens == len(wanted)


def drawing(crop_seconds: float | None, **objective: Any) -> Drawing:
    settings = ObjectiveSettings(condition_dropout=0, **objective)
    frames = None if crop_seconds is None else round(crop_seconds * LATENT_RATE)
    return Drawing(3, settings, -0.4, 1.0, frames, fresh_latents=True)


def test_every_sample_has_the_condition_of_its_crop(crop_tensors: tuple[Path, dict[str, Any]]) -> None:
    output, _ = crop_tensors
    manifest = read_manifest(output)
    null = read_shared(output)["null_condition"]
    store = SongStore(output, manifest.songs, manifest.condition_size, "stream")
    seen: dict[str, set[str]] = {}
    for entry in manifest.songs:
        song = store.get(entry)
        for epoch in range(40):
            start, stop = crop_window(drawing(2), epoch, entry.key, entry)
            sample = draw_sample(drawing(2), epoch, entry.key, song, null)
            told = [one for one in entry.further if one.describes(start, stop - start)]
            tensor = told[0].tensor if told else CONDITION
            assert torch.equal(sample.condition, song.condition(tensor))
            assert len(sample.x0) == stop - start
            assert len(told) == (1 if entry.frames > 50 else 0)
            seen.setdefault(entry.key, set()).add(tensor)
    assert {key: len(tensors) for key, tensors in seen.items()} == {"song 0.wav": 4, "song 1.flac": 1, "song 2.ogg": 1}
    whole = draw_sample(drawing(None), 0, "song 0.wav", store.get(manifest.songs[0]), null)
    assert torch.equal(whole.condition, store.get(manifest.songs[0]).condition(CONDITION))
    other = draw_sample(drawing(1.5), 0, "song 0.wav", store.get(manifest.songs[0]), null)
    assert torch.equal(other.condition, store.get(manifest.songs[0]).condition(CONDITION))


def test_crops_of_another_length_ask_for_new_texts_and_no_new_audio(
    engine: Any, crop_tensors: tuple[Path, dict[str, Any]], encoded: list[int]
) -> None:
    output, settings = crop_tensors
    before, _ = read_manifest(output), encoded.clear()
    _, state = engine.run("same", "preprocess", settings)
    assert (state.results["encoded"], read_manifest(output)) == (0, before)
    _, state = engine.run("other", "preprocess", settings | {"crop_seconds": 2.5})
    assert (state.results["encoded"], len(encoded)) == (3, 0)
    assert {one.crop_frames for song in read_manifest(output).songs for one in song.further} == {62}
    _, state = engine.run("none", "preprocess", settings | {"crop_seconds": None})
    assert all(song.further == () for song in read_manifest(output).songs)


def test_training_on_crops_resumes_to_the_same_bits_and_says_when_their_prompts_are_missing(
    engine: Any, crop_tensors: tuple[Path, dict[str, Any]], train_document: dict[str, Any]
) -> None:
    output, _ = crop_tensors
    document = put(put(train_document, "data.tensors", str(output)), "data.crop_seconds", 2)
    document = put(document, "checkpoints.every_steps", 4)
    whole, state = engine.run("whole", "train", document)
    assert [one.what for one in state.warnings] == [
        "3 songs are too few to hold one out: over-fitting will not be seen."
    ]
    resumed = engine.create("resumed", "train", document)
    shutil.copytree(whole.checkpoints / "step-00000004", resumed.checkpoints / "step-00000004")
    assert engine.work(resumed)[0] == 0
    first, second = (load_file(one.final / "adapter_model.safetensors") for one in (whole, resumed))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    _, state = engine.run("other length", "train", put(put(document, "data.crop_seconds", 1), "training.epochs", 1))
    assert "Crops of 3 songs are told the whole song's duration and lyrics." in [one.what for one in state.warnings]


def test_a_folder_from_before_crops_opens_as_it_was(songs: Path) -> None:
    path = songs / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    for song in manifest["songs"]:
        del song["further"]
    path.write_text(json.dumps(manifest), "utf-8")
    read: Manifest = read_manifest(songs)
    entry = read.songs[0]
    assert entry.further == ()
    assert crop_window(drawing(1), 0, entry.key, entry) == (16, 41)
    assert crop_window(drawing(1), 1, entry.key, entry) == (3, 28)


def test_a_damaged_list_of_conditions_is_told(songs: Path) -> None:
    from sidestep_tui.errors import SidestepError

    path = songs / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["songs"][0]["further"] = [{"tensor": "condition.crop.0", "starts": [[1]]}]
    path.write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(SidestepError, match="damaged"):
        read_manifest(songs)
    assert ConditionEntry("a", 1, "", "").crop_frames is None
