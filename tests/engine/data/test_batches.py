"""What samples are made of: the objective's laws as they arrive in training, not only as formulas."""

from typing import Any

import pytest
import torch

from sidestep_tui.acestep import flow
from sidestep_tui.config.fields import put
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.data.batches import Drawing, Sample, collate, draw_sample
from sidestep_tui.engine.data.manifest import SongEntry
from sidestep_tui.engine.data.store import HeldSong
from sidestep_tui.engine.data.tensors import SharedTensors
from sidestep_tui.engine.training.objective import weighted
from sidestep_tui.runs.events import StepCompleted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine

DRAWS = 4000
NULL = torch.full((1, 64), 7.0)


def _song(mean: float = 0.0, deviation: float = 0.0, frames: int = 1) -> HeldSong:
    """A song whose latents all have this mean and this deviation."""
    entry = SongEntry("song", "song.safetensors", frames, 3, "hash", frames / 25, "", "")
    tensors = {
        "latent_mean": torch.full((frames, 64), mean),
        "latent_std": torch.full((frames, 64), deviation),
        "condition": torch.zeros(3, 64),
    }
    return HeldSong(entry, tensors)


def _drawing(document: dict[str, Any], mu: float = -0.4, sigma: float = 1.0, **objective: Any) -> Drawing:
    for name, value in objective.items():
        document = put(document, f"objective.{name}", value)
    return Drawing.of(TrainSettings.model_validate(document), mu=mu, sigma=sigma)


def _samples(document: dict[str, Any], song: HeldSong | None = None, **laws: Any) -> list[Sample]:
    drawing, song = _drawing(document, **laws), song or _song()
    return [draw_sample(drawing, epoch, "song", song, NULL) for epoch in range(DRAWS)]


def test_latents_and_noise_are_drawn_anew_in_every_epoch_and_apart(train_document: dict[str, Any]) -> None:
    """x0 is the posterior's own draw: its mean, its deviation, and nothing of the noise that is mixed into it."""
    samples = _samples(train_document, _song(mean=3.0, deviation=0.5))
    x0, noise = (torch.stack([getattr(sample, name) for sample in samples]) for name in ("x0", "noise"))
    assert (x0.mean().item(), x0.std().item()) == pytest.approx((3.0, 0.5), abs=5e-3)
    assert (noise.mean().item(), noise.std().item()) == pytest.approx((0.0, 1.0), abs=1e-2)
    together = torch.stack([x0.flatten(), noise.flatten(), x0.roll(1, 0).flatten(), noise.roll(1, 0).flatten()])
    torch.testing.assert_close(torch.corrcoef(together), torch.eye(4), atol=1e-2, rtol=0)


def test_without_fresh_latents_the_mean_is_trained_on(train_document: dict[str, Any]) -> None:
    document = put(train_document, "data.fresh_latents", False)
    sample = _samples(document, _song(mean=3.0, deviation=0.5))[7]
    assert torch.equal(sample.x0, torch.full((1, 64), 3.0))


def test_a_sample_hangs_on_seed_epoch_and_key_alone(train_document: dict[str, Any]) -> None:
    song, drawing = _song(deviation=1.0), _drawing(train_document)
    first = draw_sample(drawing, 5, "song", song, NULL)
    torch.manual_seed(1)
    again = draw_sample(drawing, 5, "song", song, NULL)
    others = [
        draw_sample(drawing, 6, "song", song, NULL),
        draw_sample(drawing, 5, "song#1", song, NULL),
        draw_sample(_drawing(put(train_document, "training.seed", 43)), 5, "song", song, NULL),
    ]
    for name in ("x0", "noise", "t"):
        assert torch.equal(getattr(again, name), getattr(first, name)), name
        assert not any(torch.equal(getattr(other, name), getattr(first, name)) for other in others), name


@pytest.mark.parametrize("own", [{}, {"timestep_mu": 0.2, "timestep_sigma": 0.4}])
def test_timesteps_follow_the_law_of_the_checkpoint_or_of_the_settings(
    train_document: dict[str, Any], own: dict[str, float]
) -> None:
    samples = _samples(train_document, mu=-1.5, sigma=0.3, **own)
    mu, sigma = own.get("timestep_mu", -1.5), own.get("timestep_sigma", 0.3)
    t = torch.stack([sample.t for sample in samples])
    # The larger of two draws lies below its q-quantile when both do: each with the square root of q.
    shares = torch.tensor([0.1, 0.5, 0.9])
    wanted = torch.sigmoid(torch.special.ndtri(shares.sqrt()) * sigma + mu)
    torch.testing.assert_close(t.quantile(shares), wanted, atol=0.01, rtol=0)


def test_a_run_draws_from_the_law_of_its_checkpoint(engine: Engine, train_document: dict[str, Any]) -> None:
    document = put(put(train_document, "training.epochs", 1), "validation.songs", 0)
    run, _ = engine.run("one epoch", "train", document)
    told = [t for event in read_events(run.events_file) if isinstance(event, StepCompleted) for t in event.timesteps]
    normal = [
        torch.randn(2, 1, generator=flow.seeded_generator(42, "timestep", 0, f"song {number}.wav"))
        for number in range(5)
    ]
    assert sorted(told) == pytest.approx(sorted(torch.sigmoid(pair.max() - 0.4).item() for pair in normal))


def test_the_context_is_the_beginning_of_silence_and_never_the_song() -> None:
    shared = SharedTensors(silence_latent=torch.randn(9, 64), null_condition=NULL)
    samples = [
        Sample(str(frames), torch.randn(frames, 64), torch.randn(frames, 64), torch.tensor(0.5), torch.zeros(2, 64))
        for frames in (12, 5)
    ]
    batch = collate(samples, shared)
    silence = torch.cat([shared["silence_latent"], shared["silence_latent"][:3]])
    for context in batch.context:
        assert torch.equal(context, torch.cat([silence, torch.ones(12, 64)], dim=1))


@pytest.mark.parametrize("share", [0.0, 0.15, 1.0])
def test_the_null_condition_replaces_its_share_of_the_conditions(train_document: dict[str, Any], share: float) -> None:
    samples = _samples(train_document, condition_dropout=share)
    dropped = [torch.equal(sample.condition, NULL) for sample in samples]
    assert sum(dropped) / DRAWS == pytest.approx(share, abs=0.025)
    assert all(len(sample.condition) == (1 if gone else 3) for sample, gone in zip(samples, dropped, strict=True))


def test_turbo_timesteps_are_the_samplers_eight_within_the_focus_band(train_document: dict[str, Any]) -> None:
    samples = _samples(train_document, timesteps="turbo", timestep_low=0.2, timestep_high=0.7)
    drawn = torch.stack([sample.t for sample in samples]).unique()
    torch.testing.assert_close(drawn.flip(0), 0.2 + 0.5 * flow.inference_schedule(8, 3.0))


def test_crops_and_genres_are_those_of_the_settings(train_document: dict[str, Any]) -> None:
    drawing = _drawing(put(put(train_document, "data.genre_ratio", 0.3), "data.crop_seconds", 2.0))
    assert (drawing.crop_frames, drawing.genre_ratio) == (50, 0.3)


def test_draws_are_float32(train_document: dict[str, Any]) -> None:
    sample = _samples(train_document)[0]
    assert {sample.t.dtype, sample.noise.dtype, sample.x0.dtype} == {torch.float32}


def test_min_snr_weighs_the_velocity_error_as_the_paper_weighs_that_of_x0() -> None:
    t, gamma = torch.tensor([0.05, 0.3, 0.5, 0.9]), 2.0
    x0_errors = torch.tensor([1.0, 2.0, 3.0, 4.0])
    snr = ((1 - t) / t).square()
    settings = ObjectiveSettings(weighting="min_snr", min_snr_gamma=gamma)
    torch.testing.assert_close(weighted(x0_errors / t.square(), t, settings), x0_errors * snr.clamp(max=gamma))
    assert torch.equal(weighted(x0_errors, t, ObjectiveSettings()), x0_errors)


def test_no_other_device_than_a_card_is_left_to_read_on(
    train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = collate(_samples(train_document)[:1], SharedTensors(silence_latent=torch.randn(9, 64), null_condition=NULL))
    waits: list[bool] = []

    def to(tensor: torch.Tensor, _device: torch.device, non_blocking: bool = False) -> torch.Tensor:
        waits.append(not non_blocking)
        return tensor

    monkeypatch.setattr(torch.Tensor, "to", to)
    batch.to(torch.device("mps"))
    assert len(waits) >= 5
    assert all(waits)


@pytest.mark.filterwarnings("ignore:Copies to the card")
def test_a_host_that_pins_no_memory_gives_its_batches_to_a_card_all_the_same(
    train_document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_tensor: torch.Tensor) -> None:
        raise torch.AcceleratorError("CUDA error: out of memory")

    batch = collate(_samples(train_document)[:2], SharedTensors(silence_latent=torch.randn(9, 64), null_condition=NULL))
    monkeypatch.setattr(torch.Tensor, "pin_memory", refuse)
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *_, **__: tensor)
    assert torch.equal(batch.to(torch.device("cuda")).x0, batch.x0)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_songs_of_unequal_length_go_to_a_card_together(train_document: dict[str, Any]) -> None:
    samples = _samples(train_document)[:3]
    samples[1].x0.resize_(5, 64), samples[1].noise.resize_(5, 64)
    batch = collate(samples, SharedTensors(silence_latent=torch.randn(9, 64), null_condition=NULL))
    moved = batch.to(torch.device("cuda"))
    for name in ("x0", "noise", "t", "condition", "context", "lengths"):
        there, here = getattr(moved, name), getattr(batch, name)
        assert there.is_cuda
        assert there.shape == here.shape
        torch.testing.assert_close(there[-1].cpu(), here[-1])
