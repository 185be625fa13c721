"""Validation measures the same for the same weights: fixed draws, no dropout of either kind, means of the latents."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import AceStepTransformer1DModel

from sidestep_tui.acestep import Checkpoint, open_checkpoint
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.adapter import LoraSettings
from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.adapters.adapter import inject_new, trainable
from sidestep_tui.engine.adapters.targets import choose_targets
from sidestep_tui.engine.data.batches import Batch, Drawing
from sidestep_tui.engine.data.conditions import ConditionEntry
from sidestep_tui.engine.data.manifest import read_manifest, write_manifest
from sidestep_tui.engine.data.songs import split_songs
from sidestep_tui.engine.data.store import HeldSong, SongStore
from sidestep_tui.engine.data.tensors import read_all, read_shared
from sidestep_tui.engine.training import validation
from sidestep_tui.engine.training.objective import sample_losses
from sidestep_tui.engine.training.validation import Validator, build_validator, fixed_timestep
from sidestep_tui.runs.events import ValidationCompleted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine

CPU = torch.device("cpu")


@pytest.fixture
def checkpoint(turbo: Path) -> Checkpoint:
    return open_checkpoint(turbo)


@pytest.fixture
def transformer(checkpoint: Checkpoint) -> AceStepTransformer1DModel:
    """In training mode, with an adapter of which half is dropped there."""
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    settings = LoraSettings(rank=4, dropout=0.5)
    inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed=3)
    generator = torch.Generator().manual_seed(1)
    for parameter in trainable(transformer).values():
        parameter.data = 0.05 * torch.randn(parameter.shape, generator=generator)
    return transformer.train()


def _validator(document: dict[str, Any], songs: Path, **objective: Any) -> Validator:
    for name, value in objective.items():
        document = put(document, f"objective.{name}", value)
    settings = TrainSettings.model_validate(document)
    manifest = read_manifest(songs)
    validator = build_validator(
        settings,
        split_songs(manifest, songs, settings.validation.songs, settings.training.seed),
        SongStore(songs, manifest.songs, manifest.condition_size),
        read_shared(songs),
        Drawing.of(settings, mu=-0.4, sigma=1.0),
    )
    assert validator is not None
    return validator


def test_the_same_weights_have_the_same_loss_whatever_training_draws(
    transformer: AceStepTransformer1DModel, train_document: dict[str, Any], songs: Path
) -> None:
    first = _validator(train_document, songs).measure(transformer, CPU, 3)
    assert transformer.training
    torch.manual_seed(1)
    dropping = _validator(train_document, songs, condition_dropout=1.0, timesteps="uniform", timestep_low=0.5)
    again = dropping.measure(transformer.eval(), CPU, 3)
    assert not transformer.training
    assert again == first
    assert len(first.songs) == 1
    assert first.loss == pytest.approx(sum(band or 0 for band in first.bands) / 3)


def test_the_loss_is_that_of_the_mean_latents_on_even_timesteps(
    transformer: AceStepTransformer1DModel,
    train_document: dict[str, Any],
    songs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    validator = _validator(train_document, songs)
    (song,) = validator.held_out
    told: list[Batch] = []
    of_training: list[float] = []

    def heard(model: AceStepTransformer1DModel, batch: Batch) -> torch.Tensor:
        told.append(batch)
        found = sample_losses(model, batch)
        of_training.extend(found.tolist() if batch.keys != (song.key,) else [])
        return found

    monkeypatch.setattr(validation, "sample_losses", heard)
    measured = validator.measure(transformer, CPU, 0)
    assert measured.train_loss == pytest.approx(sum(of_training) / 6)
    del told[6:]  # those of a training song
    assert [float(batch.t) for batch in told] == pytest.approx([n / 12 for n in (1, 5, 9, 3, 7, 11)])
    tensors, losses = read_all(songs, song), []
    with torch.no_grad():
        for batch in told:
            x0, t = tensors["latent_mean"][None], float(batch.t)
            assert torch.equal(batch.x0, x0)
            x_t = t * batch.noise + (1 - t) * x0
            v = velocity(transformer.eval(), x_t, batch.t, tensors["condition"][None], batch.context)
            losses.append((v - (batch.noise - x0)).square().mean().item())
    assert len({float(batch.noise[0, 0, 0]) for batch in told}) == 6
    assert measured.loss == pytest.approx(sum(losses) / 6, rel=1e-5)
    assert measured.bands == pytest.approx([(losses[band] + losses[band + 3]) / 2 for band in range(3)], rel=1e-5)


def _batches(validator: Validator, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Batch]]:
    """What it measures, by song."""
    told: dict[str, list[Batch]] = {}

    def heard(_model: object, batch: Batch) -> torch.Tensor:
        told.setdefault(batch.keys[0], []).append(batch)
        return torch.zeros(1)

    with monkeypatch.context() as patch:
        patch.setattr(validation, "sample_losses", heard)
        validator.measure(torch.nn.Identity(), CPU, 0)  # type: ignore[arg-type]
    return told


def test_noise_is_of_the_seed_the_song_and_the_draw(
    train_document: dict[str, Any], songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validator = _validator(put(train_document, "validation.songs", 2), songs)
    seeds = [validator, replace(validator, drawing=replace(validator.drawing, seed=1))]
    drawn = [b.noise[0, 0, 0].item() for one in seeds for told in _batches(one, monkeypatch).values() for b in told]
    assert len(drawn) == len(set(drawn)) == 2 * 4 * 6


def test_a_crop_is_measured_under_its_own_description(
    train_document: dict[str, Any], songs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validator = _validator(put(train_document, "data.crop_seconds", 1.0), songs)
    (song,) = validator.held_out
    crops = ConditionEntry("condition.crop.0", 2, "", "", crop_frames=25, starts=((0, song.frames - 25),))
    described = replace(song, further=(crops,))
    held = HeldSong(described, read_all(songs, song) | {crops.tensor: torch.ones(2, 64)})
    store: Any = SimpleNamespace(get=lambda _song: held)
    (told,) = _batches(replace(validator, held_out=(described,), trained_on=(), store=store), monkeypatch).values()
    assert {(batch.x0.shape, batch.condition.sum().item()) for batch in told} == {((1, 25, 64), 128.0)}
    assert len({batch.x0[0, 0, 0].item() for batch in told}) == 6, "another crop for each draw"


def test_as_many_training_songs_are_measured_beside_them_each_once(train_document: dict[str, Any], songs: Path) -> None:
    manifest = read_manifest(songs)
    write_manifest(songs, replace(manifest, songs=tuple(replace(song, repeat=3) for song in manifest.songs)))
    validator = _validator(put(train_document, "validation.songs", 2), songs)
    assert len(validator.held_out) == 2
    assert len({song.key for song in (*validator.held_out, *validator.trained_on)}) == 4


@pytest.mark.parametrize(("asked", "held_out"), [(1, 1), (2, 2), (3, 2), (50, 2)])
def test_fewer_songs_than_asked_for_are_held_out_with_a_word(
    engine: Engine, train_document: dict[str, Any], asked: int, held_out: int
) -> None:
    document = put(train_document, "validation.songs", asked) | {"training": {"max_steps": 1}}
    _, state = engine.run("train", "train", document)
    assert state.plan is not None
    assert (state.plan.songs, state.plan.validation_songs) == (5 - held_out, held_out)
    told = [warning.what for warning in state.warnings if "held out" in warning.what]
    assert told == (
        [f"Of 5 songs 2 are held out instead of {asked}: the other half is needed for training."] if asked > 2 else []
    )


@pytest.mark.parametrize(("fails", "validated", "left_out"), [(1, 3, 0), (2, 2, 1), (1000, 0, 4)])
def test_a_full_memory_leaves_a_validation_out_and_not_the_training(
    engine: Engine,
    train_document: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    fails: int,
    validated: int,
    left_out: int,
) -> None:
    """It is tried once more, the cache freed, and at the end again; what was learned is saved in any case."""
    left, original = [fails], validation.sample_losses

    def full(*arguments: Any) -> torch.Tensor:
        if left[0]:
            left[0] -= 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.25 GiB.")
        return original(*arguments)

    monkeypatch.setattr(validation, "sample_losses", full)
    run, state = engine.run("full", "train", train_document)
    assert state.status == "completed"
    assert run.final.is_dir()
    assert sum(isinstance(event, ValidationCompleted) for event in read_events(run.events_file)) == validated
    warnings = [warning.what for warning in state.warnings if "no room to validate" in warning.what]
    assert warnings == ["The device has no room to validate: CUDA out of memory."] * left_out


@pytest.mark.parametrize("draws", [1, 2, 4, 6, 7, 64])
def test_timesteps_fill_the_bands_in_turn(draws: int) -> None:
    times = [fixed_timestep(draw, draws) for draw in range(draws)]
    assert [int(t * 3) for t in times] == [draw % 3 for draw in range(draws)]
    assert len(set(times)) == draws
    for band in range(min(3, draws)):
        inside = times[band::3]
        assert sum(inside) / len(inside) == pytest.approx((band + 0.5) / 3), "even about the middle of the band"
