"""The gradient of an optimizer step in closed form: what every sample weighs, and what clipping leaves."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from sidestep_tui.acestep.flow import min_snr_weight
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine.data.batches import Batch, Drawing, Sample, collate
from sidestep_tui.engine.data.manifest import SongEntry
from sidestep_tui.engine.data.songs import Item
from sidestep_tui.engine.data.store import HeldSong
from sidestep_tui.engine.data.tensors import SharedTensors
from sidestep_tui.engine.ranks import Ranks
from sidestep_tui.engine.training import step
from sidestep_tui.engine.training.plan import Step
from sidestep_tui.engine.training.step import StepShare, accumulate_gradients, plain_passes
from sidestep_tui.engine.training.step_loader import loaded_steps

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
    *batches: Batch, clip: float = 0.0, objective: ObjectiveSettings | None = None, **changes: Any
) -> tuple[torch.Tensor, list[float], float]:
    """The gradient, the losses and the norm of a step; `changes` are of this rank's share."""
    parameter = nn.Parameter(torch.tensor([1.0, 1.0]))
    transformer: Any = SimpleNamespace(parameter=parameter, proj_in_conv=SimpleNamespace(weight=parameter))
    share = StepShare(batches, tuple(range(len(batches))), sum(len(batch.keys) for batch in batches))
    passes = plain_passes(transformer, objective or ObjectiveSettings())
    losses, norm = accumulate_gradients(passes, [parameter], replace(share, **changes), clip, (0, 1), Ranks())
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


def test_what_is_no_sample_comes_last() -> None:
    """So the memory estimate has it: the samples, mostly longer, keep their activations beside no gradients yet."""
    order: list[str] = []
    parameter = nn.Parameter(torch.tensor([1.0, 1.0]))

    def samples(batch: Batch, _samples: float | torch.Tensor) -> torch.Tensor:
        order.append("samples")
        parameter.grad = torch.ones(2)
        return torch.ones(len(batch.keys))

    share = StepShare((_batch(0),), (0,), 1)
    accumulate_gradients(samples, [parameter], share, 0.0, (0, 1), Ranks(), lambda: order.append("prior"))
    assert order == ["samples", "prior"]


def test_the_mean_gradient_is_clipped_as_a_whole() -> None:
    batches = _batch(0, 1, 2), _batch(3)
    whole, _, norm = _gradient(*batches)
    assert norm > 0.1
    clipped, _, before = _gradient(*batches, clip=0.1)
    assert before == pytest.approx(norm)
    torch.testing.assert_close(clipped, whole * 0.1 / norm, rtol=1e-4, atol=0)
    untouched, _, _ = _gradient(*batches, clip=2 * norm)
    assert torch.equal(untouched, whole)


def test_what_is_clipped_is_the_sum_over_the_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = (_batch(0, 1),), (_batch(2, 3),)
    whole, _, norm = _gradient(*mine, *theirs)
    other, _, _ = _gradient(*theirs, samples=4)

    def add_other(_ranks: Ranks, parameters: list[nn.Parameter]) -> None:
        for parameter in parameters:
            assert parameter.grad is not None
            parameter.grad += other

    monkeypatch.setattr(Ranks, "sum_gradients", add_other)
    summed, _, told = _gradient(*mine, samples=4, clip=0.1)
    assert told == pytest.approx(norm)
    torch.testing.assert_close(summed, whole * 0.1 / norm, rtol=1e-4, atol=0)


def test_a_pass_for_the_other_ranks_sake_weighs_nothing() -> None:
    alone, losses, _ = _gradient(_batch(0, 1))
    padded, same, _ = _gradient(_batch(0, 1), padding=(_batch(2, 3),))
    assert torch.equal(padded, alone)
    assert same == losses


def test_dropout_draws_hang_on_the_micro_batchs_place_in_the_step_and_on_no_rank(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: dict[tuple[str, ...], float] = {}

    def losses(transformer: Any, batch: Batch) -> torch.Tensor:
        drawn[batch.keys] = torch.rand(()).item()
        return batch.x0[:, 0, :2] @ transformer.parameter

    monkeypatch.setattr(step, "sample_losses", losses)
    micro_batches = tuple(_batch(number) for number in range(4))
    _gradient(*micro_batches)
    alone = dict(drawn)
    assert len(set(alone.values())) == 4
    for rank in (0, 1):
        dealt = Ranks(rank, 2).share(tuple(enumerate(micro_batches)))
        drawn.clear()
        _gradient(*(batch for _, batch in dealt), numbers=tuple(number for number, _ in dealt))
        assert drawn == {batch.keys: alone[batch.keys] for _, batch in dealt}


def test_a_rank_is_dealt_its_share_of_a_step_with_the_numbers_of_its_micro_batches() -> None:
    songs = tuple(SongEntry(str(number), "", 1, 1, "", 0.04, "", "") for number in range(5))
    one = torch.zeros(1, 64)
    tensors = {"latent_mean": one, "latent_std": one, "condition": one}
    whole = Step(7, 0, False, tuple((Item(song),) for song in songs))
    for rank, numbers in ((0, (0, 2, 4)), (1, (1, 3))):
        encoded: Any = SimpleNamespace(
            shared=SHARED,
            drawing=Drawing(0, ObjectiveSettings(), -0.4, 1.0, None, fresh_latents=True),
            store=SimpleNamespace(get=lambda song: HeldSong(song, tensors)),
        )
        (loaded,) = loaded_steps(encoded, Ranks(rank, 2), [whole], lambda _: None)
        assert (loaded.share.numbers, loaded.share.samples, loaded.share.padding) == (numbers, 5, ())
        assert [batch.keys for batch in loaded.share.batches] == [(str(number),) for number in numbers]
