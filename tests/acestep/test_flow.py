"""The objective's pieces against their closed forms."""

import pytest
import torch

from sidestep_tui.acestep import flow

DRAWS = 200_000


def draw(*key: int | str) -> torch.Generator:
    return flow.seeded_generator(*key)


def test_generators_depend_on_the_whole_key_and_nothing_else() -> None:
    first = torch.rand(4, generator=draw(1, "noise", 3))
    torch.manual_seed(99)
    assert torch.equal(first, torch.rand(4, generator=draw(1, "noise", 3)))
    for other in [(1, "noise", 4), (1, "noise", "3"), (1, "noise"), (1, "noi", "se", 3), (-1, "noise", 3)]:
        assert not torch.equal(first, torch.rand(4, generator=draw(*other)))


def test_model_law_is_the_larger_of_two_logit_normal_draws() -> None:
    t = flow.sample_timesteps("model", DRAWS, draw(0))
    assert t.dtype == torch.float32
    assert t.mean().item() == pytest.approx(0.534, abs=2e-3)
    # The median of a maximum of two is the 1/sqrt(2) quantile of one.
    quantile = torch.distributions.Normal(-0.4, 1.0).icdf(torch.tensor(0.5).sqrt()).sigmoid()
    assert t.median().item() == pytest.approx(quantile.item(), abs=4e-3)


def test_max_logit_normal_is_the_originals_formula() -> None:
    a, b = torch.randn(2, 50)
    mu, sigma = 0.3, 1.7
    originals = torch.maximum(torch.sigmoid(a * sigma + mu), torch.sigmoid(b * sigma + mu))
    torch.testing.assert_close(flow.max_logit_normal(a, b, mu, sigma), originals)


def test_single_logit_normal_draw() -> None:
    t = flow.sample_timesteps("logit_normal", DRAWS, draw(0), mu=-0.4, sigma=1.0)
    assert t.mean().item() == pytest.approx(0.418, abs=2e-3)
    assert t.median().item() == pytest.approx(torch.tensor(-0.4).sigmoid().item(), abs=4e-3)


def test_uniform_law() -> None:
    t = flow.sample_timesteps("uniform", DRAWS, draw(0))
    assert t.mean().item() == pytest.approx(0.5, abs=3e-3)
    assert t.var().item() == pytest.approx(1 / 12, abs=1e-3)


def test_turbo_law_draws_the_eight_values_equally_often() -> None:
    values, counts = flow.sample_timesteps("turbo", 80_000, draw(0)).unique(return_counts=True)
    torch.testing.assert_close(values.flip(0), flow.inference_schedule(8, 3.0))
    assert (counts - 10_000).abs().max() < 500


def test_schedules() -> None:
    published = [1, 0.954545, 0.9, 0.833333, 0.75, 0.642857, 0.5, 0.3]
    torch.testing.assert_close(flow.inference_schedule(8, 3.0), torch.tensor(published), atol=1e-6, rtol=0)
    torch.testing.assert_close(flow.inference_schedule(50, 1.0), 1 - torch.arange(50) / 50)


def test_focus_band() -> None:
    torch.testing.assert_close(flow.focus(torch.tensor([0.0, 0.5, 1.0]), 0.2, 0.6), torch.tensor([0.2, 0.4, 0.6]))


def test_interpolation_and_velocity_lead_back_to_both_ends() -> None:
    x0, noise = torch.randn(2, 3, 10, 64)
    t = torch.tensor([0.0, 0.3, 1.0])
    x_t, v = flow.interpolate(x0, noise, t), flow.velocity_target(x0, noise)
    torch.testing.assert_close(x_t[0], x0[0])
    torch.testing.assert_close(x_t[2], noise[2])
    torch.testing.assert_close(x_t - t[:, None, None] * v, x0)


def test_loss_of_an_unequal_batch_is_the_mean_of_single_losses() -> None:
    predicted, target = torch.randn(2, 3, 12, 4)
    lengths = torch.tensor([12, 7, 1])
    predicted[1, 7:] = float("inf")
    predicted.requires_grad_(True)
    batch = flow.flow_matching_losses(predicted, target, lengths)
    single = [
        flow.flow_matching_losses(predicted[i : i + 1, :n], target[i : i + 1, :n])[0] for i, n in enumerate(lengths)
    ]
    torch.testing.assert_close(batch, torch.stack(single))
    batch.mean().backward()
    assert predicted.grad is not None
    assert predicted.grad[1, 7:].abs().max() == 0


def test_loss_is_taken_in_float32() -> None:
    predicted, target = torch.full((1, 4, 64), 1.0, dtype=torch.bfloat16), torch.full((1, 4, 64), 1.001)
    assert flow.flow_matching_losses(predicted, target).item() == pytest.approx(1e-6, rel=1e-2)


def test_min_snr_weight_is_the_papers_in_terms_of_x0() -> None:
    t, gamma = torch.linspace(0.01, 0.99, 99), 5.0
    snr = ((1 - t) / t) ** 2
    torch.testing.assert_close(flow.min_snr_weight(t, gamma), snr.clamp(max=gamma) * t**2)


@pytest.mark.parametrize(("probability", "share"), [(0.0, 0.0), (0.15, 0.15), (1.0, 1.0)])
def test_dropout_share(probability: float, share: float) -> None:
    dropped = flow.draw_dropped(DRAWS, probability, draw(0))
    assert dropped.float().mean().item() == pytest.approx(share, abs=3e-3)
