"""What samples are made of: the objective's laws as they arrive in training, not only as formulas."""

from typing import Any

import pytest
import torch

from sidestep_tui.acestep import flow
from sidestep_tui.config.fields import put
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.batches import Drawing, Sample, collate, draw_sample
from sidestep_tui.engine.objective import weighted
from sidestep_tui.engine.store import HeldSong
from sidestep_tui.engine.tensors import SharedTensors, SongEntry

DRAWS = 4000
NULL = torch.full((1, 64), 7.0)


def _samples(document: dict[str, Any], **objective: Any) -> list[Sample]:
    for name, value in objective.items():
        document = put(document, f"objective.{name}", value)
    drawing = Drawing.of(TrainSettings.model_validate(document), mu=-0.4, sigma=1.0)
    one = torch.zeros(1, 64)
    entry = SongEntry("song", "song.safetensors", 1, 3, "hash", 0.04, "", "")
    song = HeldSong(entry, {"latent_mean": one, "latent_std": one, "condition": torch.zeros(3, 64)})
    return [draw_sample(drawing, epoch, "song", song, NULL) for epoch in range(DRAWS)]


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


def test_draws_are_float32(train_document: dict[str, Any]) -> None:
    sample = _samples(train_document)[0]
    assert {sample.t.dtype, sample.noise.dtype, sample.x0.dtype} == {torch.float32}


def test_min_snr_weighs_the_velocity_error_as_the_paper_weighs_that_of_x0() -> None:
    t, gamma = torch.tensor([0.05, 0.3, 0.5, 0.9]), 5.0
    x0_errors = torch.tensor([1.0, 2.0, 3.0, 4.0])
    snr = ((1 - t) / t).square()
    settings = ObjectiveSettings(weighting="min_snr", min_snr_gamma=gamma)
    torch.testing.assert_close(weighted(x0_errors / t.square(), t, settings), x0_errors * snr.clamp(max=gamma))
    assert torch.equal(weighted(x0_errors, t, ObjectiveSettings()), x0_errors)


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
