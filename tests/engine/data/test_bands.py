"""Adaptive timestep sampling: it draws where the loss is large, and the objective stays what it was."""

import math
import shutil
import statistics
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sidestep_tui.acestep import flow
from sidestep_tui.acestep.flow import TimestepLaw
from sidestep_tui.config.fields import put
from sidestep_tui.config.train import TrainSettings
from sidestep_tui.engine.data.bands import BANDS, LAG, UNIFORM, BandLosses
from sidestep_tui.engine.data.batches import Drawing, Sample, draw_sample
from sidestep_tui.engine.data.manifest import SongEntry
from sidestep_tui.engine.data.store import HeldSong
from sidestep_tui.engine.training.checkpoint import Position
from sidestep_tui.engine.training.progress import begun
from sidestep_tui.runs.events import StepCompleted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine
from tests.engine.ranks_of import work_as_torchrun

DRAWS = 8_000
LAWS: tuple[TimestepLaw, ...] = ("model", "logit_normal", "uniform", "turbo")


@pytest.mark.parametrize("law", LAWS)
def test_quantiles_are_those_of_the_law(law: TimestepLaw) -> None:
    drawn = flow.sample_timesteps(law, 200_000, flow.seeded_generator(0), mu=0.2, sigma=0.7).sort().values
    shares = torch.tensor([0.1, 0.3, 0.55, 0.8, 0.95])
    empirical = drawn[(shares * len(drawn)).long()]
    torch.testing.assert_close(flow.timestep_quantile(law, shares, mu=0.2, sigma=0.7), empirical, atol=4e-3, rtol=0)


def _measured(losses: tuple[float, ...]) -> BandLosses:
    """The state after many steps of one sample in which each band always had its loss."""
    bands = BandLosses()
    for _ in range(20):
        for band, loss in enumerate(losses):
            bands = bands.after_step([band], [loss])
    return bands


def test_shares_follow_the_root_mean_square_and_no_band_starves() -> None:
    losses = (0.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0)
    shares = _measured(losses).shares(1)
    assert sum(shares) == pytest.approx(1)
    assert shares == pytest.approx([0.25 / 8 + 0.75 * loss / 8 for loss in losses])


def test_the_mean_square_fades_over_fifty_draws_of_its_band() -> None:
    bands = BandLosses().after_step([0] * 60, [1.0] * 60).after_step([0], [3.0])
    assert bands.mean_squares[0] == pytest.approx(1 + (9 - 1) / 50)


def test_nothing_is_adapted_before_every_band_was_seen_often_enough() -> None:
    bands = BandLosses()
    for band in range(BANDS - 1):
        bands = bands.after_step([band] * 50, [3.0] * 50)
    assert {bands.shares(ahead) for ahead in range(1, LAG + 1)} == {UNIFORM}
    few = bands.after_step([BANDS - 1] * 3, [1.0] * 3)
    assert few.shares(LAG) == UNIFORM != few.after_step([BANDS - 1], [1.0]).shares(LAG)


def test_what_is_measured_is_used_a_fixed_number_of_steps_later() -> None:
    bands = _measured((1.0,) * BANDS)
    changed = bands.after_step([2] * 10, [50.0] * 10)
    later = changed
    for _ in range(LAG - 1):
        assert later.shares(1) == pytest.approx(UNIFORM)
        later = later.after_step([], [])
    assert later.shares(1) == changed.shares(LAG)
    assert later.shares(1)[2] > 2 * UNIFORM[2]


def test_a_run_that_goes_on_without_it_draws_by_the_law_again(train_document: dict[str, Any]) -> None:
    without = TrainSettings.model_validate(train_document)
    adaptive = TrainSettings.model_validate(put(train_document, "objective.adaptive", True))
    measured = Position(9, bands=_measured((0.0, 0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 4.0)))
    assert begun(measured, without) == Position(9)
    assert begun(measured, adaptive) == measured
    assert begun(Position(9), adaptive).bands == BandLosses()


@pytest.fixture
def drawing(train_document: dict[str, Any]) -> Drawing:
    settings = TrainSettings.model_validate(put(train_document, "objective.condition_dropout", 0))
    return replace(Drawing.of(settings, mu=-0.4, sigma=1.0), fresh_latents=False)


def _samples(drawing: Drawing, shares: tuple[float, ...]) -> list[Sample]:
    one = torch.zeros(1, 64)
    entry = SongEntry("song", "song.safetensors", 1, 1, "hash", 0.04, "", "")
    song = HeldSong(entry, {"latent_mean": one, "latent_std": one, "condition": one})
    return [draw_sample(drawing, epoch, "song", song, one, shares) for epoch in range(DRAWS)]


@pytest.mark.parametrize("law", LAWS)
def test_single_samples_fall_into_the_bands_by_their_shares_and_stay_unbiased(drawing: Drawing, law: str) -> None:
    drawing = replace(drawing, objective=drawing.objective.model_copy(update={"timesteps": law}))
    shares = _measured((0.0, 0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 4.0)).shares(1)
    samples = _samples(drawing, shares)
    counts = Counter(sample.band for sample in samples)
    for band, share in enumerate(shares):
        assert counts[band] / DRAWS == pytest.approx(share, abs=4 * math.sqrt(share / DRAWS))
        assert {sample.importance for sample in samples if sample.band == band} == {1 / BANDS / share}
    assert sum(sample.importance for sample in samples) / DRAWS == pytest.approx(1, abs=0.04)
    plain = flow.sample_timesteps(drawing.objective.timesteps, 200_000, flow.seeded_generator(1))
    for power in (1, 2):  # moments of the law itself, from samples drawn elsewhere
        estimate = sum(sample.importance * sample.t.item() ** power for sample in samples) / DRAWS
        assert estimate == pytest.approx((plain**power).mean().item(), abs=0.03)


def _steps(path: Path) -> dict[int, StepCompleted]:
    return {e.step: e for e in read_events(path) if isinstance(e, StepCompleted)}


@pytest.fixture
def adaptive_document(train_document: dict[str, Any]) -> dict[str, Any]:
    """Fourteen epochs of four steps at batch 1, long enough for every band to be seen often enough."""
    document = put(put(train_document, "objective.adaptive", True), "training.epochs", 14)
    document = put(put(document, "validation.every_epochs", 99), "objective.timestep_high", 0.9)
    return put(document, "checkpoints.every_epochs", 99)


@pytest.mark.slow
def test_a_run_adapts_at_batch_one_and_resumes_to_the_same_bits(
    engine: Engine, adaptive_document: dict[str, Any]
) -> None:
    every_step = put(put(adaptive_document, "checkpoints.every_steps", 1), "checkpoints.keep_last", 200)
    whole, _ = engine.run("whole", "train", every_step)
    plain, _ = engine.run("plain", "train", put(adaptive_document, "objective.adaptive", False))
    steps = _steps(whole.events_file)
    assert max(t for step in steps.values() for t in step.timesteps) <= 0.9
    weighed = [step.number for step in map(_Weighed, steps.values()) if not math.isclose(step.importance, 1)]
    assert weighed, "no step was drawn by measured shares"
    assert min(weighed) > BANDS  # at batch 1 no band is known earlier
    assert [s.timesteps for s in steps.values()] != [s.timesteps for s in _steps(plain.events_file).values()]
    for last in (weighed[0], weighed[0] + 1, max(steps) - 2):
        run = engine.create(f"resumed-{last}", "train", adaptive_document)
        shutil.copytree(whole.checkpoints / f"step-{last:08d}", run.checkpoints / f"step-{last:08d}")
        engine.work(run)
        again = _steps(run.events_file)
        assert {n: (s.timesteps, s.loss) for n, s in again.items()} == {
            n: (s.timesteps, s.loss) for n, s in steps.items() if n > last
        }
        ours, theirs = (load_file(r.final / "adapter_model.safetensors") for r in (run, whole))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


class _Weighed:
    """A step of one sample; its loss is the sample's times what the sample weighs."""

    def __init__(self, event: StepCompleted) -> None:
        assert event.loss is not None
        assert event.losses[0] is not None
        self.number = event.step
        self.importance = event.loss / event.losses[0]


@pytest.mark.slow
def test_two_ranks_adapt_as_one_with_twice_the_accumulation(engine: Engine, adaptive_document: dict[str, Any]) -> None:
    document = adaptive_document
    alone, _ = engine.run("alone", "train", put(document, "training.gradient_accumulation", 2))
    shared = engine.create("shared", "train", put(document, "training.processes", 2))
    codes, state = work_as_torchrun(shared)
    assert codes == [0, 0], state.failure
    ours, theirs = _steps(shared.events_file), _steps(alone.events_file)
    assert [step.timesteps for step in ours.values()] == [step.timesteps for step in theirs.values()]
    last = ours[max(ours)]
    assert not math.isclose(last.loss, statistics.fmean(last.losses)), "no step was drawn by measured shares"
    assert last.loss == pytest.approx(theirs[last.step].loss, rel=1e-4)
