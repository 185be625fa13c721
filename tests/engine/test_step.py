"""The gradient of an optimizer step in closed form: what every sample weighs, and what clipping leaves."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from sidestep_tui.acestep.flow import min_snr_weight
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine import step
from sidestep_tui.engine.batches import Batch, Sample, collate
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.step import StepShare, accumulate_gradients
from sidestep_tui.engine.tensors import SharedTensors

SHARED = SharedTensors(silence_latent=torch.zeros(1, 64), null_condition=torch.zeros(1, 64))
SLOPES = torch.tensor([[1.0, 2.0], [3.0, -4.0], [0.5, 0.0], [-2.0, 8.0]])
"""The loss of sample i is its slopes times the parameter: its gradient does not hang on where the parameter stands."""
TIMES = torch.tensor([0.2, 0.4, 0.6, 0.8])
IMPORTANCE = torch.tensor([1.0, 0.5, 2.0, 4.0])


@pytest.fixture(autouse=True)
def _linear_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    def losses(transformer: Any, batch: Batch) -> torch.Tensor:
        return batch.x0[:, 0, :2] @ transformer.parameter

    monkeypatch.setattr(step, "sample_losses", losses)


def _batch(*numbers: int) -> Batch:
    samples = []
    for number in numbers:
        x0 = torch.zeros(1, 64)
        x0[0, :2] = SLOPES[number]
        weight = float(IMPORTANCE[number])
        samples.append(Sample(str(number), x0, x0, TIMES[number], torch.zeros(1, 64), importance=weight))
    return collate(samples, SHARED)


def _gradient(
    *batches: Batch, clip: float = 0.0, objective: ObjectiveSettings | None = None
) -> tuple[torch.Tensor, list[float], float]:
    parameter = nn.Parameter(torch.tensor([1.0, 1.0]))
    transformer: Any = SimpleNamespace(parameter=parameter, proj_in_conv=SimpleNamespace(weight=parameter))
    share = StepShare(batches, tuple(range(len(batches))), sum(len(batch.keys) for batch in batches))
    losses, norm = accumulate_gradients(
        transformer, [parameter], share, objective or ObjectiveSettings(), clip, (0, 1), Ranks()
    )
    assert parameter.grad is not None
    return parameter.grad, losses, norm


@pytest.mark.parametrize("dealt", [((0, 1, 2, 3),), ((0, 1, 2), (3,)), ((0,), (1, 2), (3,))])
def test_every_sample_weighs_the_same_however_it_is_dealt(dealt: tuple[tuple[int, ...], ...]) -> None:
    gradient, losses, norm = _gradient(*(_batch(*numbers) for numbers in dealt))
    wanted = (SLOPES * IMPORTANCE[:, None]).mean(dim=0)
    torch.testing.assert_close(gradient, wanted)
    assert losses == pytest.approx(SLOPES.sum(dim=1).tolist()), "told without their weights, in order"
    assert norm == pytest.approx(wanted.norm().item())


def test_the_weighting_of_timesteps_enters_the_gradient() -> None:
    gradient, _, _ = _gradient(_batch(0, 1), _batch(2, 3), objective=ObjectiveSettings(weighting="min_snr"))
    weights = IMPORTANCE * min_snr_weight(TIMES, 5.0)
    torch.testing.assert_close(gradient, (SLOPES * weights[:, None]).mean(dim=0))


def test_the_mean_gradient_is_clipped_as_a_whole() -> None:
    batches = _batch(0, 1, 2), _batch(3)
    whole, _, norm = _gradient(*batches)
    assert norm > 0.1
    clipped, _, before = _gradient(*batches, clip=0.1)
    assert before == pytest.approx(norm)
    torch.testing.assert_close(clipped, whole * 0.1 / norm, rtol=1e-4, atol=0)
    untouched, _, _ = _gradient(*batches, clip=2 * norm)
    assert torch.equal(untouched, whole)
