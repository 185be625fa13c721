"""An estimate through the engine's door: its ranking is streamed, proposes ranks, goes on, and ends early."""

import json
import math
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sidestep_tui.config.optimisation import TrainingSettings
from sidestep_tui.config.train import ValidationSettings
from sidestep_tui.engine.data.manifest import read_manifest, write_manifest
from sidestep_tui.engine.data.songs import split_songs
from sidestep_tui.engine.data.tensors import read_all
from sidestep_tui.engine.estimate import job
from sidestep_tui.runs.events import SensitivityUpdated
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine


def _document(turbo: Path, songs: Path, output: Path, **changes: Any) -> dict[str, Any]:
    return {
        "model": {"checkpoint": str(turbo), "device": "cpu"}, "tensors": str(songs), "output": str(output),
        "batches": 9, "rank": 8, "stable_top": 0, **changes,
    }  # fmt: skip


def test_an_estimate_streams_its_ranking_and_proposes_ranks(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path, train_document: dict[str, Any]
) -> None:
    output = tmp_path / "ranking.json"
    run, state = engine.run("estimate", "estimate", _document(turbo, songs, output))
    updates = [event for event in read_events(run.events_file) if isinstance(event, SensitivityUpdated)]
    assert [update.batches_done for update in updates] == list(range(1, 10))
    document = json.loads(output.read_text())
    ranking = document["ranking"]
    assert len(ranking) == 44
    assert [entry["sensitivity"] for entry in ranking] == sorted((e["sensitivity"] for e in ranking), reverse=True)
    assert all(entry["sensitivity"] > 0 and entry["stderr"] > 0 for entry in ranking)
    assert {"texture", "balance", "structure", "spectrum"} <= ranking[0].keys()
    assert document["data"] == read_manifest(songs).fingerprint
    assert state.sensitivity is not None
    assert state.sensitivity.modules[0].module == ranking[0]["module"]

    train_document["adapter"] = {"targets_from": str(output)}
    trained, _ = engine.run("targeted", "train", {**train_document, "training": {"max_steps": 1}})
    weights = load_file(trained.final / "adapter_model.safetensors")
    ranks = {entry["module"]: entry["rank"] for entry in document["proposal"]}
    for module, rank in ranks.items():
        assert weights[f"base_model.model.{module}.lora_A.weight"].shape[0] == rank


def test_a_song_with_a_loss_that_is_no_number_is_left_out(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    entry = read_manifest(songs).songs[1]
    tensors = load_file(songs / entry.file)
    save_file({**tensors, "condition": torch.full_like(tensors["condition"], 3e38)}, songs / entry.file)
    _, state = engine.run("estimate", "estimate", _document(turbo, songs, tmp_path / "r.json"))
    assert state.results["songs_left_out"] == 1
    assert [warning.where for warning in state.warnings] == [entry.key]


def test_a_song_whose_tensors_cannot_be_used_is_left_out(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    first, second = read_manifest(songs).songs[:2]
    tensors = load_file(songs / first.file)
    tensors["latent_mean"][3, 5] = math.nan
    save_file(tensors, songs / first.file)
    (songs / second.file).unlink()
    _, state = engine.run("estimate", "estimate", _document(turbo, songs, tmp_path / "r.json"))
    assert state.results["songs_left_out"] == 2
    assert [warning.where for warning in state.warnings] == [first.key, second.key]
    assert "Not a number" in state.warnings[0].what


def test_songs_that_are_held_out_are_not_measured(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that the data set marks; else those that a training run of the same seed and default settings draws."""
    measured: list[str] = []
    monkeypatch.setattr(job, "read_all", lambda place, song: measured.append(song.key) or read_all(place, song))
    manifest = read_manifest(songs)
    engine.run("drawn", "estimate", _document(turbo, songs, tmp_path / "r.json", batches=10))
    split = split_songs(manifest, songs, ValidationSettings().songs, TrainingSettings().seed)
    assert set(measured) == {item.song.key for item in split.training}
    assert len(split.validation) == 1
    marked = {song.key for song in manifest.songs[:2]}
    entries = tuple(replace(song, held_out=song.key in marked) for song in manifest.songs)
    write_manifest(songs, replace(manifest, songs=entries))
    measured.clear()
    engine.run("marked", "estimate", _document(turbo, songs, tmp_path / "r.json", batches=10))
    assert set(measured) == {song.key for song in manifest.songs} - marked


def test_one_song_is_enough(engine: Engine, turbo: Path, songs: Path, tmp_path: Path) -> None:
    manifest = read_manifest(songs)
    write_manifest(songs, replace(manifest, songs=manifest.songs[:1]))
    _, state = engine.run("one", "estimate", _document(turbo, songs, tmp_path / "r.json", batches=4))
    assert state.results["batches"] == 4


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("empty", "no songs"),
        ("missing", "no preprocessed songs"),
        ("file", "no preprocessed songs"),
        ("other model", "another model"),
        ("nan", "No song gave a finite gradient"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path, fault: str, told: str
) -> None:
    manifest = read_manifest(songs)
    if fault == "empty":
        write_manifest(songs, replace(manifest, songs=()))
    elif fault == "missing":
        (songs / "manifest.json").unlink()
    elif fault == "file":
        songs = songs / "manifest.json"
    elif fault == "other model":
        write_manifest(songs, replace(manifest, model="0" * 16))
    else:
        for entry in manifest.songs:
            tensors = load_file(songs / entry.file)
            save_file({**tensors, "latent_mean": torch.full_like(tensors["latent_mean"], math.nan)}, songs / entry.file)
    code, state = engine.work(engine.create("refused", "estimate", _document(turbo, songs, tmp_path / "r.json")))
    assert code == 1
    assert state.failure is not None
    assert told in state.failure.what
    assert not (tmp_path / "r.json").exists()
    assert len(state.warnings) == (len(manifest.songs) - 1 if fault == "nan" else 0)  # one is held out


def test_a_ranking_that_could_not_be_written_is_not_measured(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    run = engine.create("refused", "estimate", _document(turbo, songs, tmp_path / "file" / "r.json"))
    code, state = engine.work(run)
    assert (code, state.sensitivity) == (1, None)
    assert state.failure is not None
    assert "cannot be written" in state.failure.what
    assert state.failure.where == str(tmp_path / "file" / "r.json")


def test_a_stopped_estimate_keeps_what_it_knows_and_goes_on_to_the_same_ranking(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    engine.run("whole", "estimate", _document(turbo, songs, tmp_path / "whole.json"))
    run = engine.create("stopped", "estimate", _document(turbo, songs, tmp_path / "stopped.json"))

    class AfterFour:
        def __init__(self, context: Any) -> None:
            self.context, self.seen = context, 0

        def __call__(self, event: Any) -> None:
            self.seen += isinstance(event, SensitivityUpdated)
            if self.seen == 4:
                self.context.stop_reason = "the test asked"

    from sidestep_tui.engine.context import JobContext, StopRequestedError
    from sidestep_tui.engine.estimate import job as estimate
    from sidestep_tui.runs.log import EventWriter

    with EventWriter(run.events_file) as events:
        context = JobContext(run, events)
        context.observers.append(AfterFour(context))
        with pytest.raises(StopRequestedError):
            estimate.run(context, run.settings())
    partial = json.loads((tmp_path / "stopped.json").read_text())
    assert partial["batches"] == 4
    code, state = engine.work(run)
    assert code == 0, state.failure
    resumed, whole = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("stopped", "whole"))
    assert resumed == whole


def test_an_estimate_ends_early_once_the_order_is_stable(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    document = _document(turbo, songs, tmp_path / "r.json", batches=200, stable_top=1)
    _, state = engine.run("early", "estimate", document)
    assert int(state.results["batches"] or 0) < 100
    assert "stable" in state.phase_detail


def test_layers_are_ranked_by_the_sums_of_their_modules(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path
) -> None:
    engine.run("modules", "estimate", _document(turbo, songs, tmp_path / "m.json", batches=3))
    engine.run("layers", "estimate", _document(turbo, songs, tmp_path / "l.json", batches=3, granularity="layer"))
    modules, layers = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("m", "l"))
    sums: dict[str, float] = {}
    for entry in modules["ranking"]:
        layer = ".".join(entry["module"].split(".")[:2])
        sums[layer] = sums.get(layer, 0.0) + entry["sensitivity"]
    assert {entry["module"]: entry["sensitivity"] for entry in layers["ranking"]} == pytest.approx(sums)
    assert layers["proposal"] == modules["proposal"]


def test_a_full_card_gets_shorter_windows(
    engine: Engine, turbo: Path, songs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sidestep_tui.engine.estimate import job as estimate

    original = estimate.sample_losses
    filling: list[weakref.ref[torch.Tensor]] = []
    freed: list[bool] = []

    def too_long(transformer: Any, batch: Any) -> torch.Tensor:
        if batch.x0.shape[1] > 50:
            activations = torch.zeros(1)
            filling.append(weakref.ref(activations))
            raise torch.OutOfMemoryError("full")
        return original(transformer, batch)

    monkeypatch.setattr(estimate, "sample_losses", too_long)
    monkeypatch.setattr(estimate, "free_memory", lambda: freed.append(filling[-1]() is None))
    monkeypatch.setattr(estimate, "_SMALLEST_CROP_SECONDS", 1.0)
    _, state = engine.run("short", "estimate", _document(turbo, songs, tmp_path / "r.json", batches=3))
    assert any("windows" in warning.what for warning in state.warnings)
    assert len(freed) == len(filling) > 0
    assert all(freed), "the cache was emptied while the error still held what fills the memory"
    assert state.results["batches"] == 3
