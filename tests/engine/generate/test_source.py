"""Covers and repaints: what is kept of the source, what is made anew, and in both layouts and sizes."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sidestep_tui.acestep import open_checkpoint
from sidestep_tui.config.generate import GenerateSettings
from sidestep_tui.config.layers import problems_of
from sidestep_tui.dataset.audio import SAMPLE_RATE, read_audio, write_audio
from sidestep_tui.engine.generate.pipeline import build_pipeline
from sidestep_tui.engine.generate.source import repainted_frames, sample_from_source

FRAMES, STEPS = 50, 4
MODELS = ("tiny", "acestep-v15-turbo", "acestep-v15-base", "acestep-v15-xl-turbo")


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, tiny_checkpoint: Path, reference_checkpoint: Callable[[str], Path]) -> Path:
    """The tiny model in the diffusers layout, and the reference models in the original one."""
    return tiny_checkpoint if request.param == "tiny" else reference_checkpoint(request.param)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """Two seconds of a falling tone."""
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.3 * np.sin(2 * np.pi * (440 - 60 * t) * t)
    write_audio(tmp_path / "source.wav", np.stack([tone, tone]).astype(np.float32))
    return tmp_path / "source.wav"


def settings_for(model: Path, song: Path, task: str, **changes: Any) -> GenerateSettings:
    document = {"model": {"checkpoint": model, "device": "cpu"}, "output": "new.wav", "prompt": "drums"}
    return GenerateSettings.model_validate(document | {"task": task, "source": song} | changes)


def made(model: Path, settings: GenerateSettings, source: Tensor, seed: int = 0) -> tuple[Tensor, list[int]]:
    pipeline = build_pipeline(open_checkpoint(model), torch.float32, settings.task)
    noise = torch.randn(1, FRAMES, 64, generator=torch.Generator().manual_seed(seed))
    arguments = {"prompt": "drums", "lyrics": "[Instrumental]", "num_inference_steps": STEPS, "shift": 3.0}
    done: list[int] = []
    with torch.no_grad():
        latents = sample_from_source(pipeline, arguments, noise, settings, source, done.append)
    return latents, done


def test_a_repaint_keeps_every_frame_outside_of_its_part(model: Path, song: Path) -> None:
    settings = settings_for(model, song, "repaint", repaint_start=0.8, repaint_end=1.2)
    source = torch.randn(FRAMES, 64, generator=torch.Generator().manual_seed(1))
    latents, done = made(model, settings, source)
    assert repainted_frames(settings, FRAMES) == slice(20, 30)
    assert torch.equal(latents[:20], source[:20])
    assert torch.equal(latents[30:], source[30:])
    assert (latents[20:30] - source[20:30]).abs().mean() > 0.1
    assert done == [1, 2, 3, 4]
    other, _ = made(model, settings, source.flip(0))
    assert not torch.equal(other[20:30], latents[20:30])


def test_a_repaint_is_put_together_where_the_model_is(tiny_checkpoint: Path, song: Path) -> None:
    """The source stays on the CPU whatever the device; `meta` stands for a card."""

    class Elsewhere:
        scheduler = SimpleNamespace(sigmas=torch.tensor([1.0, 0.0]))

        def __call__(self, latents: Tensor, callback_on_step_end: Any, **_: Any) -> SimpleNamespace:
            made = callback_on_step_end(self, 0, 1.0, {"latents": latents.to("meta")})["latents"]
            return SimpleNamespace(audios=made)

    settings = settings_for(tiny_checkpoint, song, "repaint", repaint_start=0.8)
    noise = torch.zeros(1, FRAMES, 64)
    latents = sample_from_source(Elsewhere(), {}, noise, settings, noise[0], [].append)
    assert (latents.device.type, latents.shape) == ("meta", (FRAMES, 64))


def test_a_cover_follows_its_source_for_a_share_of_the_steps(model: Path, song: Path) -> None:
    source, another = (torch.randn(FRAMES, 64, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))

    def cover(strength: float, latents: Tensor) -> Tensor:
        result, done = made(model, settings_for(model, song, "cover", cover_strength=strength), latents)
        assert done == [1, 2, 3, 4]
        return result

    whole, half, none = (cover(strength, source) for strength in (1.0, 0.5, 0.0))
    assert not torch.equal(whole, cover(1.0, another))
    assert not torch.equal(half, cover(0.5, another))
    assert torch.equal(none, cover(0.0, another))
    assert not torch.equal(whole, half)
    assert not torch.equal(half, none)


def test_a_whole_cover_is_that_of_diffusers(tiny_checkpoint: Path, song: Path) -> None:
    """With the pipeline's own encoding of the source, where the posterior's mean takes the place of its draw."""
    from diffusers import AceStepPipeline
    from diffusers.models.autoencoders.autoencoder_oobleck import OobleckDiagonalGaussianDistribution

    from sidestep_tui.acestep.vae import encode_audio

    pipeline = build_pipeline(open_checkpoint(tiny_checkpoint), torch.float32, "cover")
    waveform = torch.from_numpy(read_audio(song))
    noise = torch.randn(1, FRAMES, 64, generator=torch.Generator().manual_seed(0))
    theirs = AceStepPipeline(**pipeline.components)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OobleckDiagonalGaussianDistribution, "sample", lambda posterior: posterior.mean)
        expected = theirs(
            prompt="drums", lyrics="[Instrumental]", num_inference_steps=STEPS, shift=3.0, task_type="cover",
            src_audio=waveform, latents=noise, audio_duration=2.0, output_type="latent", guidance_scale=1.0,
        ).audios[0]  # fmt: skip
    source, _ = encode_audio(pipeline.vae, waveform)
    ours, _ = made(tiny_checkpoint, settings_for(tiny_checkpoint, song, "cover"), source)
    torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("task", ["cover", "repaint"])
def test_the_same_seed_is_the_same_file_as_long_as_its_source(
    engine: Any, tiny_checkpoint: Path, song: Path, tmp_path: Path, task: str
) -> None:
    contents = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        settings = settings_for(tiny_checkpoint, song, task, seed=seed, output=tmp_path / f"{name}.wav", steps=2)
        engine.run(name, "generate", settings.model_dump(mode="json"))
        contents.append((tmp_path / f"{name}.wav").read_bytes())
    assert contents[0] == contents[1] != contents[2]
    assert read_audio(tmp_path / "a.wav").shape == (2, 2 * SAMPLE_RATE)


def test_a_source_is_never_written_over(engine: Any, tiny_checkpoint: Path, song: Path, tmp_path: Path) -> None:
    before = song.read_bytes()
    link = tmp_path / "link.wav"
    link.symlink_to(song)
    document = {"model": {"checkpoint": str(tiny_checkpoint)}, "task": "cover", "source": str(song), "prompt": "x"}
    for name, output in (("itself", song), ("link", link)):
        code, state = engine.work(engine.create(name, "generate", document | {"output": str(output)}))
        assert (code, state.failure.where) == (2, str(output))
    assert song.read_bytes() == before


def test_what_a_task_lacks_is_said(engine: Any, tiny_checkpoint: Path, song: Path, tmp_path: Path) -> None:
    document = settings_for(tiny_checkpoint, song, "repaint").model_dump(mode="json")
    missing = problems_of(GenerateSettings, document | {"source": None})
    assert [(p.path, p.message) for p in missing] == [("source", "a repaint needs a source song")]
    backwards = problems_of(GenerateSettings, document | {"repaint_start": 2, "repaint_end": 1})
    assert [(p.path, p.message) for p in backwards] == [("repaint_end", "must be after repaint_start")]
    code, state = engine.work(engine.create("late", "generate", document | {"repaint_start": 5}))
    assert (code, state.failure.where) == (2, "repaint_start")
    code, state = engine.work(engine.create("gone", "generate", document | {"source": str(tmp_path / "gone.wav")}))
    assert code == 1
    assert "gone.wav" in state.failure.where


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("task", ["cover", "repaint"])
def test_a_card_makes_it(engine: Any, tiny_checkpoint: Path, song: Path, tmp_path: Path, task: str) -> None:
    document = settings_for(tiny_checkpoint, song, task, output=tmp_path / "new.wav", steps=2).model_dump(mode="json")
    engine.run(task, "generate", document | {"model": document["model"] | {"device": "cuda"}})
    assert read_audio(tmp_path / "new.wav").shape == (2, 2 * SAMPLE_RATE)
