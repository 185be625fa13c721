"""Several tensor folders in one run: whose songs they are, how an epoch is mixed, and what is refused."""

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from sidestep_tui.config.fields import put
from sidestep_tui.config.train import DataSettings
from sidestep_tui.engine.data.library import Mixture, folder_number, read_library
from sidestep_tui.engine.data.manifest import SongEntry, read_manifest
from sidestep_tui.engine.data.songs import Item, split_songs
from sidestep_tui.engine.data.store import SongStore
from sidestep_tui.engine.training.plan import StepPlan
from sidestep_tui.errors import SidestepError
from sidestep_tui.runs.events import StepCompleted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import write_songs
from tests.engine.ranks_of import work_as_torchrun


def item(folder: int, name: str, repeat: int = 1, index: int = 0) -> Item:
    key = name if folder == 1 else f"{folder}//{name}"
    return Item(SongEntry(key, "", 10, 1, key, 1.0, "", "", repeat=repeat), index)


def items(first: int, second: int) -> tuple[Item, ...]:
    return tuple([item(1, f"a{n}") for n in range(first)] + [item(2, f"b{n}") for n in range(second)])


@pytest.fixture
def second(songs: Path, tmp_path: Path) -> Path:
    """Three other songs for the same model, under names that the first folder has as well."""
    manifest = read_manifest(songs)
    folder = write_songs(tmp_path / "second", manifest.model, manifest.condition_size, (30, 35, 40))
    document = json.loads((folder / "manifest.json").read_text("utf-8"))
    for song in document["songs"]:
        song["source"] = f"second {song['source']}"
    (folder / "manifest.json").write_text(json.dumps(document), "utf-8")
    return folder


def test_folders_become_one_data_set_whose_keys_do_not_collide(songs: Path, second: Path, tmp_path: Path) -> None:
    library = read_library(DataSettings(tensors=songs, more_tensors=(second,)))
    assert len({song.key for song in library.songs}) == len(library.songs) == 8
    assert Counter(map(folder_number, library.songs)) == {1: 5, 2: 3}
    store = SongStore(songs, library.songs, library.condition_size, "stream")
    assert [len(store.get(song).latents(0, song.frames)[0]) for song in library.songs] == [
        60,
        75,
        50,
        60,
        41,
        30,
        35,
        40,
    ]
    alone = read_library(DataSettings(tensors=songs))
    assert alone == read_manifest(songs)
    assert library.fingerprint not in (alone.fingerprint, read_manifest(second).fingerprint)
    moved = shutil.copytree(second, tmp_path / "moved")
    assert read_library(DataSettings(tensors=songs, more_tensors=(moved,))).fingerprint == library.fingerprint


def test_what_does_not_belong_together_is_refused(songs: Path, second: Path) -> None:
    with pytest.raises(SidestepError, match="named twice"):
        read_library(DataSettings(tensors=songs, more_tensors=(songs / ".." / songs.name,)))
    document = json.loads((second / "manifest.json").read_text("utf-8"))
    (second / "manifest.json").write_text(json.dumps(document | {"model": "another"}), "utf-8")
    with pytest.raises(SidestepError, match="different models"):
        read_library(DataSettings(tensors=songs, more_tensors=(second,)))
    for weights in ((1.0,), (1.0, 0.0), (1.0, 2.0, 3.0)):
        with pytest.raises(ValidationError):
            DataSettings(tensors=songs, more_tensors=(second,), weights=weights)
    with pytest.raises(SidestepError, match="folder 2"):
        Mixture.weighted(items(5, 5), (1000.0, 1.0), 0)


@pytest.mark.parametrize(
    ("weights", "counts"), [((1, 1), {1: 6, 2: 6}), ((3, 1), {1: 9, 2: 3}), ((1, 5), {1: 2, 2: 10})]
)
def test_an_epoch_is_mixed_by_weight_and_everything_is_seen_equally_often(
    weights: tuple[float, float], counts: dict[int, int]
) -> None:
    mixture = Mixture.weighted(items(4, 8), weights, 11)
    epochs = [mixture.epoch(number) for number in range(16)]
    assert all(Counter(folder_number(one.song) for one in epoch) == counts for epoch in epochs)
    assert all(len({one.key for one in epoch}) == len(epoch) == len(mixture) for epoch in epochs)
    seen = Counter(one.song.key for epoch in epochs for one in epoch)
    for folder, size in ((1, 4), (2, 8)):
        times = [seen[one.song.key] for one in mixture.items if folder_number(one.song) == folder]
        assert max(times) - min(times) <= 1
        assert sum(times) == 16 * counts[folder]
        assert len(times) == size
    assert epochs[5] == Mixture.weighted(items(4, 8), weights, 11).epoch(5) != epochs[4]


def test_repeats_that_occur_again_have_draws_of_their_own() -> None:
    both = (item(1, "a", 2, 0), item(1, "a", 2, 1), *(item(2, f"b{n}") for n in range(8)))
    epoch = Mixture.weighted(both, (8, 2), 0).epoch(3)
    assert sorted(one.key for one in epoch if folder_number(one.song) == 1) == ["a", *(f"a#{n}" for n in range(1, 8))]


def test_without_weights_everything_comes_once() -> None:
    assert Mixture.weighted(items(4, 8), (), 11).epoch(9) == items(4, 8)


def test_the_plan_of_an_epoch_is_its_mixture() -> None:
    from sidestep_tui.config.optimisation import TrainingSettings

    mixture = Mixture.weighted(items(4, 8), (3, 1), 11)
    plan = StepPlan(mixture, TrainingSettings(epochs=3, batch_size=2, gradient_accumulation=2))
    for epoch in range(3):
        steps = [step for step in plan.steps_after(0) if step.epoch == epoch]
        dealt = [one.key for step in steps for batch in step.micro_batches for one in batch]
        assert sorted(dealt) == sorted(one.key for one in mixture.epoch(epoch))


def test_a_song_that_is_held_out_is_not_trained_on_under_another_name(songs: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(songs, tmp_path / "copy")
    library = read_library(DataSettings(tensors=songs, more_tensors=(copy,)))
    split = split_songs(library, songs, held_out=1, seed=5)
    (held_out,) = split.validation
    assert held_out.source not in {one.song.source for one in split.training}
    assert len(split.training) == 8


def test_songs_that_the_data_set_holds_out_are_not_drawn_again(songs: Path) -> None:
    manifest = read_manifest(songs)
    kept = {"song 1.wav", "song 3.wav"}
    marked = replace(manifest, songs=tuple(replace(one, held_out=one.key in kept) for one in manifest.songs))
    for seed in range(8):
        split = split_songs(marked, songs, held_out=1, seed=seed)
        assert {one.key for one in split.validation} == kept
        assert {one.song.key for one in split.training} == {one.key for one in manifest.songs} - kept
    assert marked.fingerprint != manifest.fingerprint  # a run that resumes would learn what it was measured on
    all_of_them = replace(manifest, songs=tuple(replace(one, held_out=True) for one in manifest.songs))
    with pytest.raises(SidestepError, match="Every song is held out"):
        split_songs(all_of_them, songs, held_out=1, seed=1)


def test_a_run_over_two_folders_resumes_to_the_same_bits(
    engine: Any, train_document: dict[str, Any], second: Path
) -> None:
    document = put(put(train_document, "data.more_tensors", [str(second)]), "data.weights", [1, 3])
    document = put(document, "checkpoints.every_steps", 9)
    whole, state = engine.run("whole", "train", document)
    assert state.plan is not None
    assert (state.plan.songs, state.plan.validation_songs, state.plan.total_steps) == (7, 1, 14)
    resumed = engine.create("resumed", "train", document)
    shutil.copytree(whole.checkpoints / "step-00000009", resumed.checkpoints / "step-00000009")
    assert engine.work(resumed)[0] == 0
    first, again = (load_file(run.final / "adapter_model.safetensors") for run in (whole, resumed))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert len([e for e in read_events(resumed.events_file) if isinstance(e, StepCompleted)]) == 5


@pytest.mark.slow
def test_two_ranks_deal_crops_wordings_and_mixtures_as_one_with_twice_the_accumulation(
    engine: Any, train_document: dict[str, Any], songs: Path, second: Path
) -> None:
    """Every song gets a second wording and conditions of crops, then two folders are mixed over two processes."""
    for folder in (songs, second):
        document = json.loads((folder / "manifest.json").read_text("utf-8"))
        for song in document["songs"]:
            tensors = load_file(folder / song["file"])
            names = {"condition.crop.0": 0, "condition.wording.1": 1, "condition.crop.0.wording.1": 1}
            for name, wording in names.items():
                tensors[name] = torch.roll(tensors["condition"], len(name), dims=1)
                crop = {"crop_frames": 25, "starts": [[0, 3]]} if "crop" in name else {"starts": []}
                told = {"tensor": name, "tokens": song["condition_tokens"], "prompt": "", "lyrics": ""}
                song["further"].append(told | crop | {"wording": wording})
            save_file(tensors, folder / song["file"])
        (folder / "manifest.json").write_text(json.dumps(document), "utf-8")
    document = put(put(train_document, "data.more_tensors", [str(second)]), "data.weights", [1, 2])
    document = put(put(document, "data.crop_seconds", 1), "data.residence", "stream")
    alone, _ = engine.run("alone", "train", put(document, "training.gradient_accumulation", 2))
    shared = engine.create("shared", "train", put(document, "training.processes", 2))
    codes, state = work_as_torchrun(shared)
    assert codes == [0, 0], state.failure
    ours, theirs = (load_file(Path(run.final) / "adapter_model.safetensors") for run in (shared, alone))
    for key, value in theirs.items():
        torch.testing.assert_close(ours[key], value, atol=1e-6, rtol=0)
