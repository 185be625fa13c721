"""Prior preservation: nothing where nothing was forgotten, the stated gradient elsewhere, runs that forget less."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import AceStepTransformer1DModel
from pydantic import ValidationError
from torch import nn

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.acestep.fast import use_fast_blocks
from sidestep_tui.acestep.velocity import velocity
from sidestep_tui.config.adapter import DoraSettings, LoraSettings
from sidestep_tui.config.fields import put
from sidestep_tui.config.objective import ObjectiveSettings
from sidestep_tui.engine.adapters.adapter import inject_new, trainable
from sidestep_tui.engine.adapters.targets import choose_targets
from sidestep_tui.engine.data.batches import Drawing
from sidestep_tui.engine.modes import without_adapter
from sidestep_tui.engine.training.prior import Prior, PriorSong, prior_loss
from sidestep_tui.runs.directory import RunDirectory
from sidestep_tui.runs.events import StepCompleted
from sidestep_tui.runs.log import read_events
from tests.engine.conftest import Engine

T = torch.tensor([0.7])


def _adapted(turbo: Path, settings: LoraSettings, size: float) -> AceStepTransformer1DModel:
    """The DiT with an adapter whose B matrices have entries of this size."""
    checkpoint = open_checkpoint(turbo)
    transformer = checkpoint.load_transformer("cpu", torch.float32)
    inject_new(transformer, settings, choose_targets(settings, checkpoint.config), seed=3)
    use_fast_blocks(transformer)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in trainable(transformer).items():
        if "lora_B" in name:
            parameter.data = size * torch.randn(parameter.shape, generator=generator)
    return transformer.train()


@pytest.fixture
def song(turbo: Path) -> PriorSong:
    g = torch.Generator().manual_seed(5)
    width = open_checkpoint(turbo).config.encoder_hidden_size
    parts = torch.randn(1, 31, 64, generator=g), torch.randn(1, 9, width, generator=g)
    return PriorSong(*parts, torch.randn(1, 31, 128, generator=g))


def _noise() -> torch.Tensor:
    return torch.randn(1, 31, 64, generator=torch.Generator().manual_seed(6))


@pytest.mark.parametrize("settings", [LoraSettings(rank=4), DoraSettings(rank=4)])
def test_an_adapter_that_changes_nothing_has_nothing_to_preserve(
    turbo: Path, song: PriorSong, settings: LoraSettings
) -> None:
    transformer = _adapted(turbo, settings, 0.0)
    loss = prior_loss(transformer, song, _noise(), T)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-10)
    assert all(p.grad is None or p.grad.abs().max() < 1e-6 for p in trainable(transformer).values())


def test_the_gradient_is_that_of_the_distance_to_another_copy_of_the_model(turbo: Path, song: PriorSong) -> None:
    transformer = _adapted(turbo, LoraSettings(rank=4), 0.05)
    before = {name: p.clone() for name, p in transformer.named_parameters()}
    loss = prior_loss(transformer, song, _noise(), T)
    loss.backward()
    ours = {name: p.grad.clone() for name, p in trainable(transformer).items() if p.grad is not None}

    frozen = open_checkpoint(turbo).load_transformer("cpu", torch.float32)
    x_t = 0.7 * _noise() + 0.3 * song.x0
    with torch.no_grad():
        target = velocity(frozen, x_t, T, song.condition, song.context)
    for parameter in trainable(transformer).values():
        parameter.grad = None
    distance = (velocity(transformer, x_t, T, song.condition, song.context) - target).square().mean()
    distance.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(distance.item(), rel=1e-4)
    assert loss.item() > 1e-6
    assert len(ours) == len(trainable(transformer)) > 0
    for name, parameter in trainable(transformer).items():
        assert parameter.grad is not None
        torch.testing.assert_close(ours[name], parameter.grad, rtol=1e-3, atol=1e-6)
    assert all(torch.equal(p, before[name]) for name, p in transformer.named_parameters())
    assert all((p.grad is not None) == p.requires_grad for p in transformer.parameters())


def test_the_model_without_its_adapter_is_the_model(turbo: Path, song: PriorSong) -> None:
    transformer = _adapted(turbo, LoraSettings(rank=4), 0.05)
    names = list(trainable(transformer))
    arguments = song.x0, T, song.condition, song.context
    with torch.no_grad(), without_adapter(transformer):
        ours = velocity(transformer, *arguments)
    with torch.no_grad():
        torch.testing.assert_close(
            ours, velocity(open_checkpoint(turbo).load_transformer("cpu", torch.float32), *arguments)
        )
        assert (velocity(transformer, *arguments) - ours).abs().max() > 1e-3
    assert list(trainable(transformer)) == names


def test_every_due_step_draws_a_song_noise_and_a_timestep_of_its_own(
    song: PriorSong, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And adds the weight's share of the gradient: the loss here is the parameter itself."""
    parameter = nn.Parameter(torch.tensor(3.0))
    transformer: Any = SimpleNamespace(proj_in_conv=SimpleNamespace(weight=parameter))
    seen: list[tuple[int, float, float, float]] = []

    def linear(_transformer: Any, one: PriorSong, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append((int(one is songs[1]), noise[0, 0, 0].item(), t.item(), torch.rand(()).item()))
        return parameter * 1.0

    monkeypatch.setattr("sidestep_tui.engine.training.prior.prior_loss", linear)
    songs = (song, replace(song, x0=song.x0 + 1))
    objective = ObjectiveSettings(prior_weight=10.0, prior_prompts="a | b", prior_every=2)
    drawing = Drawing(0, objective, -3.0, 0.1, None, fresh_latents=True)
    prior = Prior(songs, objective, drawing, share=0.25)
    told = [prior.add_gradients(transformer, step) for step in range(1, 17)]
    assert told == [None, 3.0] * 8
    assert parameter.grad is not None
    assert parameter.grad.item() == pytest.approx(8 * 10.0 * 0.25)
    numbers, *draws = zip(*seen, strict=True)
    assert set(numbers) == {0, 1}
    assert [len(set(each)) for each in draws] == [8, 8, 8], "noise, timestep and an adapter's dropout"
    assert max(draws[1]) < 0.1, "of the run's own law"
    again, seen = seen, []
    for seed in (0, 1):
        for step in range(2, 17, 2):
            replace(prior, drawing=replace(drawing, seed=seed)).add_gradients(transformer, step)
    assert seen[:8] == again
    _, *others = zip(*seen[8:], strict=True)
    assert not any(set(here) & set(there) for here, there in zip(draws, others, strict=True)), "another seed"


def test_a_weight_needs_prompts() -> None:
    with pytest.raises(ValidationError, match="prior_prompts"):
        ObjectiveSettings(prior_weight=1.0, prior_prompts=" | ")


def _steps(run: RunDirectory) -> dict[int, StepCompleted]:
    return {e.step: e for e in read_events(run.events_file) if isinstance(e, StepCompleted)}


def test_a_run_with_a_prior_forgets_less_and_resumes_to_the_same_bits(
    engine: Engine, train_document: dict[str, Any], tiny_checkpoint: Path, tmp_path: Path
) -> None:
    from tests.engine.conftest import write_songs

    checkpoint = open_checkpoint(tiny_checkpoint)
    songs = write_songs(tmp_path / "tiny", checkpoint.fingerprint(), checkpoint.config.encoder_hidden_size)
    document = put(put(train_document, "model.checkpoint", str(tiny_checkpoint)), "data.tensors", str(songs))
    document = put(put(document, "training.epochs", 5), "validation.songs", 0)
    document = put(put(document, "optimizer.learning_rate", 0.01), "checkpoints.every_steps", 13)
    document = put(put(document, "checkpoints.every_epochs", 9), "objective.prior_prompts", "solo piano | choir")
    document = put(put(document, "objective.prior_seconds", 2.0), "objective.prior_every", 2)
    strong, _ = engine.run("strong", "train", put(document, "objective.prior_weight", 50.0))
    weak, _ = engine.run("weak", "train", put(document, "objective.prior_weight", 1e-9))
    kept, forgot = ([e.prior_loss for e in _steps(run).values()] for run in (strong, weak))
    assert [loss is None for loss in kept] == [step % 2 == 1 for step in range(1, 26)]
    assert sum(filter(None, kept[-10:])) < 0.5 * sum(filter(None, forgot[-10:]))

    run = engine.create("resumed", "train", put(document, "objective.prior_weight", 50.0))
    shutil.copytree(strong.checkpoints / "step-00000013", run.checkpoints / "step-00000013")
    engine.work(run)
    expected = {step: (e.losses, e.prior_loss, e.gradient_norm) for step, e in _steps(strong).items() if step > 13}
    assert {step: (e.losses, e.prior_loss, e.gradient_norm) for step, e in _steps(run).items()} == expected
